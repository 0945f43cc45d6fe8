# SPDX-License-Identifier: GPL-2.0-or-later
"""Two hosts, one pair, somebody who types: the place where rows happen, and the words they are told in.

One scene serves for many rows, because a guest takes ten seconds to boot without KVM: each row finds
the pair where the one before has left it. A row that loses the user VM is followed by a new pair, one
that goes wrong by a new laboratory.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import time

from lab import CommandFailed, Lab, Wire, processes
from lab.bench import Bench, Console
from lab.guest import BOOT_TIMEOUT
from lab.pair import dmore
from lab.typist import Typist

from . import look

HOLD = "DMORE_TEST_HOLD"
DISK_BYTES = 64 << 20
END_TIMEOUT = 90  # s, for `dmore migrate` to end once the co-migration is released
HELD_TIMEOUT = 60  # s, for the co-migration to come to the moment
STATE_TIMEOUT = 30  # s, for what nobody waits for at a terminal
LOOK_S = 0.05
WATCHDOG_S = 900  # whoever hangs in a row is let go on by it, and not by the hosts
LINE = "{:04d} fox\n"


def await_true(condition, what, timeout=STATE_TIMEOUT):
    """Nobody tells when another process changes: look again and again. What the condition was."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout} s: {what}")
        time.sleep(LOOK_S)
    return value


class Scene:
    """
    source, destination: the hosts of this row's co-migration
    bench, pair, guest: see tests/lab
    console: the client that is there from the beginning, its capture and its mark in the guest's journal
    client: the client who types; another one when the connection of the first was lost
    migration: `dmore migrate`, under way or done
    moment: at which it is held, or was
    message: what `dmore migrate` said when it failed
    troubles: how the VMs have run as they must not
    """

    def __init__(self):
        self.lab = Lab(dmored=False)
        self.hold = self.lab.directory / "hold"
        self.lab.environment[HOLD] = str(self.hold)
        for host in self.lab.hosts.values():
            host.settings["watchdog"] = WATCHDOG_S
            host.write_config()
            host.start_dmored(self.lab.environment)
        self.bench = self.console = self.client = self.typist = self.migration = None
        self.moment = None
        self.troubles = []
        self._started = 0
        self._begun = None  # the row, in the guest's journal
        self._logged = {}
        self._benches = 0
        self._visitors = contextlib.ExitStack()
        self._stopped = []
        self.message = ""
        self._wires = {}
        self._held = self.lab.directory / "held"
        self._held.mkdir()

    def close(self):
        self.wake()
        self.lab.close()

    # The frame of a row; play.py calls these

    def begin(self):
        """A pair that runs, a client, and somebody who begins to type."""
        if not self.bench:
            self._new_pair()
        self.pair, self.guest = self.bench.pair, self.bench.guest
        self._begun = self.guest.mark()
        for path in self._held.iterdir():
            path.unlink()
        self.source = self.pair.host
        self.destination = self.lab.other(self.source)
        self.migration = None
        self.troubles = []
        self._visitors = contextlib.ExitStack()
        self.console = Console(self.bench)
        self.console.stands_still = True
        self.client = self.console.client
        self.type()

    def _new_pair(self):
        self._benches += 1
        name = f"vm{self._benches}"
        self.disk = self.lab.directory / "disks" / f"{name}.raw"
        self.disk.parent.mkdir(exist_ok=True)
        with open(self.disk, "wb") as file:
            file.truncate(DISK_BYTES)
        self.bench = Bench(self.lab, name, 9 + self._benches,
                           user_vm={"disk": f"{self.disk}, format=raw", "bridge": "br0"})

    def end(self):
        """The row is over; whoever was there goes."""
        self.wake()
        self.release()
        self._visitors.close()
        if self.console:
            if self.client is not self.console.client:
                self.client.close()
            self.console.close()
        self.console = None

    def forget_pair(self):
        """The pair has been lost and taken down: the next row gets another one."""
        self.pair.host = None
        self.bench.guest.close()
        self.bench = None

    def type(self):
        """Begin to type, as whoever is the client now; it has begun when the guest has read something."""
        mark = self.guest.mark()
        self.typist = Typist(self.client, line=LINE)
        self.typist.start()
        self.guest.await_typed(5, since=mark)

    def reconnect(self):
        """Another client, for the first one's connection was lost."""
        await_true(lambda: self.status(self.pair.host)["domain_r"].get("ready"), "Domain R is ready", BOOT_TIMEOUT)
        self.client = self.bench.client()

    def start(self, moment, options=()):
        """Begin the co-migration, to be held at a moment; until it is held there. options: of `dmore migrate`"""
        self.moment = moment
        self._started = time.monotonic()
        if moment:
            self.hold.write_text(moment)
        self.hold_logs()
        self._logged = {host: len(self.pair_log(host)) for host in self.lab.hosts.values()}
        self.migration = self.pair.start_migrate(self.destination, *options)
        if moment:
            self._await_held(self.destination if moment in ("committed", "resumed") else self.source)

    def since_start(self):
        """How long ago the co-migration began, in s."""
        return time.monotonic() - self._started

    def _await_held(self, host):
        """The log says it; progress tells of a phase a little before it is held."""
        text = f"held at {self.moment}"
        await_true(lambda: self.migration.process.poll() is not None or self.has_logged(host, text), text, HELD_TIMEOUT)
        if not self.has_logged(host, text):
            status = self.finish()
            raise LookupError(f"the co-migration has not come to {self.moment}: exit status {status}: {self.message}")

    def await_given_up(self):
        """Until `dmore migrate` has ended, or the source may only wait."""
        await_true(lambda: self.migration.process.poll() is not None
                   or self.status(self.source)["state"] == "undecided",
                   f"host {self.source.name} has given up the wait", END_TIMEOUT)

    def finish(self):
        """The exit status of `dmore migrate`."""
        try:
            self.migration.end(END_TIMEOUT)
        except CommandFailed as failure:
            self.message = failure.message
            return failure.status
        self.message = ""
        return 0

    # What is seen

    def pair_log(self, host):
        """What the host's dmore-pair has logged. When it has removed the file it still has it open."""
        paths = [host.pair_files(self.pair.name) / "pair.log",
                 *(pathlib.Path(f"/proc/{pid}/fd/2") for pid in look.find(host, self.pair.name, look.DMORE_PAIR))]
        for path in paths:
            with contextlib.suppress(OSError):
                if path.is_file():
                    return path.read_text(errors="replace")
        return ""

    def status(self, host):
        """What `dmore status` says there; the state is None where there is no pair."""
        nothing = {"user_vm": {}, "domain_r": {}}
        try:
            return nothing | self.pair.status(host)
        except CommandFailed as failure:
            return nothing | {"state": None, "note": failure.message}

    def await_state(self, host, state, timeout=STATE_TIMEOUT):
        """Until `dmore status` on that host says this state."""
        try:
            await_true(lambda: self.status(host)["state"] == state, f"state {state} on host {host.name}", timeout)
        except TimeoutError as problem:
            raise TimeoutError(f"{problem}; it is {self.status(host)}") from None

    def await_log(self, host, text, timeout=STATE_TIMEOUT):
        """Until the host's dmore-pair has logged a text since the co-migration began."""
        await_true(lambda: self.has_logged(host, text), f"{text!r} in the log of host {host.name}", timeout)

    def has_logged(self, host, text):
        return text in self.pair_log(host)[self._logged[host]:]

    def await_user_vm(self, host, state):
        """Until `dmore status` on that host says this state of the user VM."""
        await_true(lambda: self.status(host)["user_vm"].get("state") == state, f"the user VM is {state}")

    def process(self, host, role):
        """The one process of that role (look.py) on a host."""
        if role == look.DMORED:
            return host.dmored.pid
        found = look.find(host, self.pair.name, role)
        if len(found) != 1:
            raise LookupError(f"{len(found)} processes {role} on host {host.name}")
        return found[0]

    # What can be done to them

    def wire(self, host):
        """The host's cable, from the first use on one that can be bad."""
        if host not in self._wires or not self._wires[host].is_there():
            self._wires[host] = Wire(host)
        return self._wires[host]

    def await_process(self, host, role):
        """Until there is such a process on that host; its id."""
        return await_true(lambda: look.find(host, self.pair.name, role), f"{role} on host {host.name}")[0]

    def kill(self, host, role):
        """kill -9, and until it has ended."""
        self.look_at_lives()
        processes.kill(self.process(host, role))

    def look_at_lives(self):
        """When the VMs have run is known of those that are there: look before one is killed."""
        self.troubles += [words for words in self.lab.lives.troubles(self.pair.name) if words not in self.troubles]

    def stop(self, host, role):
        """Hang it: SIGSTOP."""
        pid = self.process(host, role)
        os.kill(pid, signal.SIGSTOP)
        self._stopped.append(pid)

    def wake(self):
        """Let go on whatever hangs and has not ended meanwhile."""
        for pid in self._stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self._stopped = []

    def release(self):
        """Let the held co-migration go on."""
        self.hold.unlink(missing_ok=True)

    def cancel(self):
        """The operator cancels."""
        self.pair.cancel()

    def resolve(self, host):
        """The operator's word that the pair is to run there."""
        self.dmore(host, "resolve", self.pair.name, "--here")

    def dmore(self, host, *words):
        return dmore(host, *words)

    def start_dmored(self, host, **options):
        """As the service manager does when it has ended."""
        host.stop_dmored()
        host.start_dmored(self.lab.environment, **options)

    def enter(self, context):
        """Enter a context that is left when the row is over; what it gives."""
        return self._visitors.enter_context(context)

    def power_off(self, host):
        """The whole host is gone: nothing of it is heard any more."""
        self.look_at_lives()
        host.power_off()
        self._stopped = []

    def power_on(self, host):
        """It comes back, without anything that was in its memory."""
        host.power_on()
        host.start_dmored(self.lab.environment)

    def hold_logs(self):
        """The logs of a pair go when it leaves a host: give those that are there a second name."""
        for host in self.lab.hosts.values():
            for path in host.pair_files(self.pair.name).glob("*.log"):
                with contextlib.suppress(FileNotFoundError, FileExistsError):
                    os.link(path, self._held / f"{host.name}-{path.stem}-{path.stat().st_ino}.log")

    def keep_evidence(self, directory):
        """Copy what the programs have logged, and the guest's kernel, and what the guest has reported in this row."""
        directory.mkdir(parents=True, exist_ok=True)
        if self._begun is not None:
            self.guest.write_journal(directory / "guest.journal", self._begun)
            with contextlib.suppress(FileNotFoundError):
                (directory / "guest.console").write_bytes(pathlib.Path(f"{self.guest.path}.console").read_bytes())
        for path in self._held.iterdir():
            shutil.copy(path, directory)
        for host in self.lab.hosts.values():
            paths = [host.directory / "dmored.log", *host.run_dir.rglob("*.log"), *host.run_dir.rglob("*.console")]
            for path in paths:
                with contextlib.suppress(FileNotFoundError):
                    (directory / f"{host.name}-{pathlib.Path(path).name}").write_bytes(path.read_bytes())
