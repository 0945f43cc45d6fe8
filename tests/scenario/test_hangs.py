# SPDX-License-Identifier: GPL-2.0-or-later
"""dmore-pair hangs, and keeps its pair: dmored notices, and ends it as if it had died."""

import os
import signal
import time

import pytest

from conftest import restart_dmoreds, sanitized_only
from lab import processes
from lab.bench import Bench, at_console
from lab.typist import Typist
from lab.waiting import await_true

pytestmark = sanitized_only

WATCHDOG_S = 5
NOTICED_S = 30  # on a busy machine; WATCHDOG_S and a second or two on an idle one


@pytest.fixture(scope="module")
def watched(lab):
    """A pair on hosts with little patience."""
    for host in lab.hosts.values():
        host.write_config(watchdog=WATCHDOG_S)
    restart_dmoreds(lab)
    bench = None
    try:
        bench = Bench(lab, "hung", 64)
        yield bench
    finally:
        if bench:
            bench.close()
        for host in lab.hosts.values():
            host.write_config()
        restart_dmoreds(lab)


@pytest.fixture
def console(watched):
    with at_console(watched) as console:
        yield console


def adoptions(pair):
    return pair.status().get("adoptions", 0)


def test_dmore_pair_stands_still(watched, console):
    """Somebody types; what is typed meanwhile arrives when another dmore-pair has taken over."""
    pair = watched.pair
    before, hung = adoptions(pair), pair.host.dmore_pair(pair.name)
    console.stands_still = True  # and a guest repeats what it believes held
    typist = Typist(console.client)
    typist.start()
    console.await_typed(20)
    stopped = time.monotonic()
    os.kill(hung, signal.SIGSTOP)
    assert processes.await_end(hung, NOTICED_S), "it is let be"
    print(f"\nended after {time.monotonic() - stopped:.1f} s")
    await_true(lambda: adoptions(pair) == before + 1, 20, "another one has taken over")
    console.await_typed(len(console.typed()) + 40)
    console.check_typed(typist.stop())
    watched.check_screen(console.client)


def test_dmored_stands_still(watched, console):
    """For longer than the limit. What it has not looked at it does not judge."""
    pair = watched.pair
    before, dmore_pair = adoptions(pair), pair.host.dmore_pair(pair.name)
    with processes.halted(pair.host.dmored.pid):
        time.sleep(WATCHDOG_S + 2)  # the story itself
    time.sleep(WATCHDOG_S + 2)
    assert pair.host.dmore_pair(pair.name) == dmore_pair
    assert adoptions(pair) == before


def test_both_stand_still(watched, console):
    """As if the host had: whoever could not have given a sign of life is let be for as long again."""
    pair = watched.pair
    dmore_pair = pair.host.dmore_pair(pair.name)
    with processes.halted(pair.host.dmored.pid), processes.halted(dmore_pair):
        time.sleep(WATCHDOG_S + 2)
    time.sleep(WATCHDOG_S + 2)
    assert pair.host.dmore_pair(pair.name) == dmore_pair
