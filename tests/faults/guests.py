# SPDX-License-Identifier: GPL-2.0-or-later
"""What the guest in the user VM does by itself in the midst of a co-migration: it begins anew, ends, or
changes its memory faster than the link carries it."""

import contextlib

from . import links
from .row import CANCELLED, DESTINATION, DONE, FAILED, SOURCE, TIMEOUT, UNSEEN, Expected, Row

MOMENTS = ("pre-copy", "converged", "stop-r", "stop-u")
BEGUN_ANEW = Expected(DESTINATION, (DONE,), typing=UNSEEN, replug=True)
BOOT_TIMEOUT = 150  # s

# The pre-copy never ends: the guest dirties more megabytes a second, of so many megabytes, than the link carries bytes.
DIRTY, CALM = "dirty 30 24", "dirty 0"
LINK = 16 << 20
TIME = 12  # s, after which it may be given up; the first pass takes half of it

# Written to /proc/sysrq-trigger: at once, as when the guest's own kernel does it
REBOOT, POWER_OFF, PANIC = "b", "o", "c"


def trigger(key, panic=0):
    """panic: seconds after which the guest's kernel begins anew when it has panicked; 0: it does not"""

    def act(scene):
        scene.guest_mark = scene.guest.command(
            f"run echo {panic} >/proc/sys/kernel/panic; echo {key} >/proc/sysrq-trigger")

    return act


def await_off(scene):
    trigger(POWER_OFF)(scene)
    scene.await_user_vm(scene.source, "off")


def await_boot(scene):
    scene.guest.await_line("READY", BOOT_TIMEOUT, scene.guest_mark)
    scene.guest.await_boot()


def reset(scene):
    """The operator has seen the panic on the screen, wherever that is."""
    scene.await_state(scene.destination, "running", 60)
    scene.pair.host = scene.destination
    scene.pair.user_vm_monitor("system_reset")


def check_off(scene, host):
    """Domain R goes on beside the user VM, and says what has become of it to whoever connects."""
    status = scene.status(host)
    states = status["state"], status["user_vm"]["state"], status["domain_r"]["state"]
    if states != ("running", "off", "running"):
        raise LookupError(f"pair, user VM and Domain R are {states}")
    visitor = scene.enter(contextlib.closing(scene.bench.client()))
    if "off" not in visitor.connected["name"]:
        raise LookupError(f"the console calls itself {visitor.connected['name']!r}")


def outrun_link(scene):
    links.link(scene).limit(LINK)
    scene.guest.command(DIRTY)


def cancel_when_told(scene):
    """The operator hears that it will not come to an end."""
    scene.migration.await_message("--auto-converge")
    scene.cancel()


def calm_down(scene):
    scene.guest.command(CALM)
    links.mend(scene)


OFF = Expected(SOURCE, (FAILED,), typing=UNSEEN, end=check_off)


def rows():
    for moment in MOMENTS:
        yield Row("guest reboots", moment, BEGUN_ANEW, inject=trigger(REBOOT), mend=await_boot)
        yield Row("guest panics, and reboots after a second", moment, BEGUN_ANEW, inject=trigger(PANIC, 1),
                  mend=await_boot)
        yield Row("guest panics, and is reset afterwards", moment, BEGUN_ANEW, inject=trigger(PANIC),
                  meanwhile=reset, mend=await_boot)
        yield Row("guest powers itself off", moment, OFF, inject=await_off)
    yield Row("guest never converges; cancelled", None, Expected(SOURCE, (CANCELLED,)), arrange=outrun_link,
              meanwhile=cancel_when_told, mend=calm_down)
    yield Row("guest never converges; given up in time", None, Expected(SOURCE, (TIMEOUT,)), arrange=outrun_link,
              mend=calm_down, options=("--timeout", TIME))
