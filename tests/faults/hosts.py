# SPDX-License-Identifier: GPL-2.0-or-later
"""A whole host is gone, as when its power is cut: all its processes, all its connections, and its run
directory. It comes back as after a boot, or not before an operator has decided."""

from .row import DESTINATION, LOST, SOURCE, UNSEEN, Expected, Row

BEFORE = ("pre-copy", "converged", "stop-u", "complete")  # of the phases in which nothing is loaded yet, some


def power_off(side):
    return lambda scene: scene.power_off(getattr(scene, side))


def power_off_when_loaded(scene):
    """The destination has loaded both VMs, and waits for the commit."""
    scene.await_state(scene.destination, "undecided")
    scene.power_off(scene.source)


def power_on(side):
    return lambda scene: scene.power_on(getattr(scene, side))


def resolve(side, gone):
    """The operator has looked at the host that is gone, and it is."""

    def mend(scene):
        host = getattr(scene, side)
        scene.await_state(host, "undecided")
        scene.resolve(host)
        scene.await_state(host, "running")
        scene.power_on(getattr(scene, gone))

    return mend


def rows():
    lost = Expected(LOST, connection=False, typing=UNSEEN)
    on_source, on_destination = Expected(SOURCE), Expected(DESTINATION)

    def row(gone, moment, expected, mend=None):
        how = "operator resolves" if mend else "comes back"
        return Row(f"the {gone} host is gone; {how}", moment, expected, inject=power_off(gone),
                   mend=mend or power_on(gone), quick=(gone, moment, how) == ("destination", "commit", "comes back"))

    for moment in BEFORE:
        yield row("source", moment, lost)
        yield row("destination", moment, on_source)
    # It has not committed, and nothing of the user VM is left but what the destination has loaded.
    yield Row("the source host is gone; comes back", "complete-sent", on_destination, inject=power_off_when_loaded,
              mend=power_on("source"))
    # The destination has both VMs, and the source's note says that it may have committed.
    yield row("source", "commit", on_destination)
    yield row("source", "commit", on_destination, resolve("destination", "source"))
    yield row("destination", "commit", on_source)
    yield row("destination", "commit", on_source, resolve("source", "destination"))
    for moment in ("commit-sent", "retire", "retire-noted"):
        yield row("source", moment, on_destination)
    for moment in ("committed", "resumed", "retire"):
        yield row("destination", moment, lost)
