# SPDX-License-Identifier: GPL-2.0-or-later
"""All programs say alike what they are and how they are called."""

import os
import subprocess

import pytest

from conftest import sanitized_too
from lab import paths

pytestmark = sanitized_too

USAGE = 2  # dmore's exit status, src/base/error.h
PROGRAMS = {
    "dmore": paths().dmore,
    "dmored": paths().dmored,
    "dmore-pair": paths().dmored.parents[1] / "dmore-pair/dmore-pair",
}


def run(name, *words):
    """In a locale without any characters but ASCII's."""
    return subprocess.run([PROGRAMS[name], *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, encoding="ascii", env={**os.environ, "LC_ALL": "C"})


@pytest.mark.parametrize("words", [[name] for name in PROGRAMS] + [["dmore", "up"], ["dmore", "status"]])
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help(words, option):
    result = run(*words, option)
    assert result.returncode == 0 and result.stderr == ""
    assert result.stdout.startswith("Usage:") and " ".join(words) in result.stdout
    assert "?" not in result.stdout


@pytest.mark.parametrize("name", PROGRAMS)
def test_version(name):
    result = run(name, "--version")
    assert result.returncode == 0 and result.stderr == ""
    assert result.stdout.startswith(f"{name} ") and result.stdout.count("\n") == 1


@pytest.mark.parametrize("word", ["help", "version"])
def test_output_cannot_be_written(word):
    """A full disk is no success: who reads the output has to know that it is not all."""
    with open("/dev/full", "w", encoding="ascii") as full:
        result = subprocess.run([PROGRAMS["dmore"], word], stdin=subprocess.DEVNULL, stdout=full,
                                stderr=subprocess.PIPE, text=True)
    assert result.returncode == 1
    assert "standard output" in result.stderr


@pytest.mark.parametrize("words", [["dmored"], ["dmore-pair"], ["dmore", "status"], ["dmore"]])
def test_unknown_option(words):
    """One line that says which, and where the right ones are told."""
    result = run(*words, "--nonsense")
    assert result.returncode == USAGE and result.stdout == ""
    assert result.stderr.startswith(f"{words[0]}: ") and result.stderr.count("\n") == 1
    assert "--nonsense" in result.stderr and "help" in result.stderr
