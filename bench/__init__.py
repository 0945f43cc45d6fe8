# SPDX-License-Identifier: GPL-2.0-or-later
"""The benchmarks: D-MORE beside stock QEMU's own VNC server (doc/performance.md).

A measure is a function that returns a Result; it is given a function that makes a laboratory, which ends with
the measure. bench/run runs them.
"""
