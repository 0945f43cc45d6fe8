# SPDX-License-Identifier: GPL-2.0-or-later
"""Faults, on real VMs: every fault in every phase of a co-migration, and what becomes of the pair.

A fault is a Row (row.py): what is done, at which moment, what is expected. A Scene (scene.py) is two
hosts, one pair and somebody who types; its methods are the words in which rows are written. play()
(play.py) lets one row happen in a scene and looks at everything afterwards. The rows are in the
modules that matrix.py names; `run` plays them and writes the table.
"""
