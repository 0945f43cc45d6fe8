# SPDX-License-Identifier: GPL-2.0-or-later
"""A pair as its operator sees it: a file, and the commands of `dmore`."""

import json
import os
import re
import shlex
import socket
import subprocess
import threading
import time

from .guest import BOOT_TIMEOUT
from .picture import Picture
from .waiting import Journal

UP_TIMEOUT = 120
MIGRATE_TIMEOUT = 180


class CommandFailed(Exception):
    """`dmore` has refused or failed: its status and its sentence."""

    def __init__(self, words, status, message):
        super().__init__(f"dmore {' '.join(map(str, words))}: status {status}: {message}")
        self.status, self.message = status, message


def dmore(host, *words, timeout=60):
    """Run `dmore` on a host; its standard output."""
    result = subprocess.run(host.dmore(*words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, timeout=timeout,
                            env={**os.environ, **host.lab.environment})
    if result.returncode != 0:
        raise CommandFailed(words, result.returncode, result.stderr.strip())
    return result.stdout


def give_up(host, *words, after=2):
    """Run `dmore` on a host and end it when it has waited for so many seconds, as with Ctrl-C."""
    process = subprocess.Popen(host.dmore(*words), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, env={**os.environ, **host.lab.environment})
    try:
        process.wait(after)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    else:
        raise AssertionError(f"dmore {' '.join(map(str, words))} did not wait")


class Pair:
    """
    options: sections of the pair's file over what the laboratory sets, as in
        user_vm={"memory": "256M", "extra": [...]}
    A key with a list is written once for each item; one with None is left out.
    """

    def __init__(self, lab, name="web", number=10, **options):
        self.lab, self.name = lab, name
        self.host = None
        self.guest = None
        self.migration = None  # the last one that was begun
        self.address = options.get("domain_r", {}).get("address", f"10.77.0.{number}/24").split("/")[0]
        self.port = int(options.get("console", {}).get("port", 5900))
        self.sections = {
            "pair": {"name": name},
            "user-vm": {"memory": "256M", "cpus": 1, "display": "virtio-vga"},
            "domain-r": {"address": f"10.77.0.{number}/24", "bridge": "br0"},
            "console": {"port": 5900, "layout": "us", "auth": "none"},
        }
        for section, keys in options.items():
            self.sections[section.replace("_", "-")].update(keys)
        self.file = lab.directory / f"{name}.conf"
        self.write()

    def write(self):
        lines = []
        for section, keys in self.sections.items():
            lines.append(f"[{section}]")
            for key, value in keys.items():
                if value is None:
                    continue
                for item in value if isinstance(value, list) else [value]:
                    lines.append(f"{key} = {item}")
        self.file.write_text("\n".join(lines) + "\n")

    def use_guest(self, guest, append="", **user_vm):
        """Boot the test guest, reporting to a Guest."""
        self.guest = guest
        directory = self.lab.build_guest()
        self.sections["user-vm"].update({
            "kernel": directory / "vmlinuz",
            "initrd": directory / "initrd.gz",
            "append": f"console=tty0 console=ttyS0 consoleblank=0 quiet {append}".strip(),
            "extra": [shlex.join(guest.arguments())],
            **user_vm,
        })
        self.write()

    def dmore(self, *words, timeout=60, host=None):
        return dmore(host or self.host, *words, timeout=timeout)

    def up(self, host):
        self.lab.on_close(self._end)
        dmore(host, "up", self.file, timeout=UP_TIMEOUT)
        self.arrived(host)
        return self

    def arrived(self, host):
        """The pair runs on that host now."""
        self.host = host
        if self.guest:
            self.guest.follow(self.status()["user_vm"]["pid"], BOOT_TIMEOUT)

    def status(self, host=None):
        """What `dmore status` says of this pair."""
        return json.loads(self.dmore("status", self.name, "--json", host=host))

    def migrate(self, to=None):
        """Move to the other host; the result."""
        return self.start_migrate(to).wait()

    def start_migrate(self, to=None, *options):
        """options: of the command, as in "--timeout", 5"""
        self.migration = Migration(self, to or self.lab.other(self.host), options)
        return self.migration

    def cancel(self):
        return self.dmore("cancel", self.name)

    def await_same_screen(self, client, timeout=20):
        """Until the client's picture is that of the guest's screen, and the host's too, and the guest's
        screen has not changed meanwhile; the picture, or None when that does not come about."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            real = self.screendump()
            try:
                # What the hypervisor has shown may have been on its way to something else, and never be seen again.
                client.await_picture(real, 2)
            except RuntimeError:
                continue
            if self.screenshot() == real == self.screendump() == client.picture():
                return real
        return None

    def screenshot(self, name="screenshot"):
        """The console's picture, as the host has it."""
        path = self.lab.directory / f"{name}.png"
        self.dmore("screenshot", self.name, path)
        return Picture.read_png(path)

    def screendump(self, name="screendump"):
        """The picture that the hypervisor itself has of the user VM's screen."""
        path = self.lab.directory / f"{name}.ppm"
        self.user_vm_monitor("screendump", filename=str(path))
        return Picture.read_ppm(path)

    def user_vm_monitor(self, command, **arguments):
        """A command to the user VM's hypervisor, over the operator's monitor."""
        return self._monitor((command, arguments))

    def take_display(self):
        """Look at the user VM's screen as an operator might, past the console: a socket, over which
        the hypervisor's display can be talked to until it is closed."""
        ours, theirs = socket.socketpair()
        with theirs:
            self._monitor(("getfd", {"fdname": "viewer"}),
                          ("add_client", {"protocol": "@dbus-display", "fdname": "viewer"}), fd=theirs.fileno())
        ours.settimeout(30)
        # D-Bus begins with this: who we are, and a word of each side.
        ours.sendall(b"\0AUTH EXTERNAL %s\r\n" % str(os.geteuid()).encode().hex().encode())
        answer = ours.recv(1000)
        assert answer.startswith(b"OK "), answer
        ours.sendall(b"BEGIN\r\n")
        return ours

    def _monitor(self, *commands, fd=None):
        """Commands over one connection, the first with a descriptor; the last one's answer."""
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.settimeout(30)
            monitor.connect(str(self.host.pair_files(self.name) / "user-vm.monitor"))
            with monitor.makefile("r") as stream:
                stream.readline()
                for command, arguments in (("qmp_capabilities", {}), *commands):
                    order = json.dumps({"execute": command, "arguments": arguments}) + "\n"
                    passed = [fd] if fd is not None and command == commands[0][0] else []
                    socket.send_fds(monitor, [order.encode()], passed)
                    answer = {}
                    while "return" not in answer and "error" not in answer:
                        answer = json.loads(stream.readline())
                    if "error" in answer:
                        raise RuntimeError(f"{command}: {answer['error']['desc']}")
                return answer["return"]

    def down(self):
        if self.host:
            self.dmore("down", self.name)
            self.host = None

    def _end(self):
        if self.host:
            self.down()


class Migration:
    """`dmore migrate`, under way. Its journal has (time, phase) for each line of progress, and its
    messages what else it has said."""

    PROGRESS = re.compile(r"^ *[0-9.]+ s +([a-z-]+) +user VM")

    def __init__(self, pair, to, options=()):
        self.pair, self.to = pair, to
        self._words = ["migrate", pair.name, to.address, "--json", *map(str, options)]
        self.journal = Journal(f"dmore {' '.join(self._words)}")
        self.messages = Journal(self.journal.name)
        self.result = None
        self.process = subprocess.Popen(
            pair.host.dmore(*self._words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env={**os.environ, **pair.lab.environment})
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        for line in self.process.stderr:
            progress = self.PROGRESS.match(line)
            if progress:
                self.journal.append((time.monotonic(), progress.group(1)))
            else:
                self.messages.append(line)
        for journal in (self.journal, self.messages):
            journal.end(f"dmore has ended {self.message}")

    @property
    def message(self):
        """What it has said besides its progress."""
        return "".join(self.messages.since())

    def await_phase(self, name, timeout=60):
        """Until the phase has begun; when that was."""
        return self.journal.find(lambda entry: entry[1] == name, timeout, f"phase {name}")[0]

    def await_message(self, text, timeout=60):
        """Until the command has said that on standard error; the line."""
        return self.messages.find(lambda line: text in line, timeout, repr(text))

    def phases(self):
        """(name, begin, end) of each phase: the durations are the result's, and the begin of the
        switch-over is when it was told here."""
        begin = {}
        at = 0
        for phase in self.result["phases"]:
            begin[phase["name"]] = at
            at += phase["ms"] / 1000
        zero = self.await_phase("stop-r") - begin["stop-r"]
        return [(phase["name"], zero + begin[phase["name"]], zero + begin[phase["name"]] + phase["ms"] / 1000)
                for phase in self.result["phases"]]

    def interrupt(self, number):
        """Send a signal, as Ctrl-C does."""
        self.process.send_signal(number)

    def wait(self, timeout=MIGRATE_TIMEOUT):
        """The result; CommandFailed when it did not succeed, and the pair is where it was."""
        self.end(timeout)
        self.pair.arrived(self.to)
        return self.result

    def end(self, timeout=MIGRATE_TIMEOUT):
        """As wait(), for a pair that need not be there any more."""
        self.process.wait(timeout)
        output = self.process.stdout.read()
        self._reader.join()
        self.process.stdout.close()
        self.process.stderr.close()
        if self.process.returncode != 0:
            raise CommandFailed(self._words, self.process.returncode, self.message.strip())
        self.result = json.loads(output)
