# SPDX-License-Identifier: GPL-2.0-or-later
"""The benchmarks: D-MORE beside stock QEMU's own VNC server (doc/performance.md).

A measure is a function that is given a laboratory and returns a Result; bench/run runs them.
"""
