# SPDX-License-Identifier: GPL-2.0-or-later
"""The lints find the sources of a tree that is no checkout of git's, and say so when there are none."""

import json
import shutil
import subprocess

import pytest

from lab.lab import ROOT


@pytest.fixture
def tree(tmp_path):
    """A small project, without sources yet."""
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools/lint", tmp_path / "tools/lint")
    for file in (".clang-format", ".clang-tidy"):
        shutil.copy(ROOT / file, tmp_path / file)
    (tmp_path / "src").mkdir()
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "generated.c").write_text("int    g;\n")
    return tmp_path


def lint(tree, *words):
    return subprocess.run([tree / "tools/lint", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL, text=True)


def compiled(tree, text):
    """A source and a build directory that compiles it."""
    (tree / "src/a.c").write_text(text)
    commands = [{"directory": str(tree / "build"), "command": "cc -c ../src/a.c", "file": "../src/a.c"}]
    (tree / "build/compile_commands.json").write_text(json.dumps(commands, indent=2))


def test_format(tree):
    assert lint(tree, "format").returncode != 0
    compiled(tree, "int a;\n")
    result = lint(tree, "format")
    assert result.returncode == 0, result.stdout
    compiled(tree, "int    a;\n")
    assert lint(tree, "format").returncode != 0


def test_analysis(tree):
    compiled(tree, "long f(int a);\nlong f(int a)\n{\n    return a;\n}\n")
    result = lint(tree, "analysis", tree / "build")
    assert result.returncode == 0, result.stdout
    compiled(tree, "long f(int a);\nlong f(int a)\n{\n    return a * 1000;\n}\n")
    assert lint(tree, "analysis", tree / "build").returncode != 0
    (tree / "src/a.c").unlink()
    result = lint(tree, "analysis", tree / "build")
    assert result.returncode != 0 and "no C file" in result.stdout


def test_scripts(tree):
    (tree / "src/script").write_text("#!/bin/bash\nset -e\n")
    result = lint(tree, "scripts")
    assert result.returncode == 0, result.stdout
    (tree / "src/script").write_text("#!/bin/bash\nfoo=(1 2)\nlocal $foo\n")
    assert lint(tree, "scripts").returncode != 0
