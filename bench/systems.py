# SPDX-License-Identifier: GPL-2.0-or-later
"""What is compared: a pair of D-MORE, and the same user VM with QEMU's own VNC server.

The stock VM's command line is the one that dmore-pair has given to its user VM, read from the running
process; only what D-MORE adds is taken away and what a user of `-vnc` would write instead is put there.
So both have the same machine, memory, graphics card, guest and accelerator.
"""

import itertools
import json
import os
import re
import subprocess
import time

from lab import Client, Guest, Pair

from .processes import parent
from .qmp import Qmp

GUEST_MEMORY = "256M"
MODULE = {"text": None, "virtio-vga": "virtio-gpu"}
WIDTH = {"text": 720, "virtio-vga": 1280}
# How the guest's text console is laid out: cell in pixels, columns.
CELLS = {"text": ("9x16", 80), "virtio-vga": ("8x16", 160)}


class System:
    """A VM with a console: name, guest, and where the console is."""

    def __init__(self, lab, name, guest):
        self.lab, self.name, self.guest = lab, name, guest

    def measure(self, *words, options=("-e", "zrle"), command=None):
        """Run vncmeasure at this console; what it printed."""
        tool = self.lab.tools.vncdrive.parents[2] / "bench/client/vncmeasure"
        words = [tool, *options, f"{self.address}:{self.port}", *words]
        result = subprocess.run((command or self.lab.client_command)(words), stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, timeout=300)
        if result.returncode != 0:
            raise RuntimeError(f"{self.name}: {' '.join(map(str, words))}: {result.stderr.strip()}")
        return json.loads(result.stdout)

    def set_screen(self, screen):
        """From "text", VGA's text mode in which a guest starts, to "virtio-vga"."""
        if MODULE[screen]:
            self.guest.run(f"load {MODULE[screen]}")
        self.guest.command("clear")
        client = Client(self.lab, self.address, self.port, name=f"size-{self.port}")
        client.journal.find(lambda entry: entry.get("width") == WIDTH[screen], 30, f"a width of {WIDTH[screen]}")
        client.close()


class Dmore(System):
    """A pair, started as an operator does."""

    def __init__(self, lab, name="bench", number=10, **user_vm):
        guest = Guest(lab.directory / f"{name}.guest")
        lab.on_close(guest.close)
        super().__init__(lab, "D-MORE", guest)
        self.pair = Pair(lab, name, number, user_vm={"memory": GUEST_MEMORY})
        self.pair.use_guest(guest, **user_vm)
        self.pair.up(lab.a)
        self.address, self.port = self.pair.address, self.pair.port

    stays_connected = True

    def await_boot(self):
        self.guest.await_boot()

    def migrate(self, _):
        """Move to the other host; what it took, in ms, and bytes. The bandwidth is the host's."""
        result = self.pair.migrate()
        translated = self.translated_blocks()
        return {"total": result["total_ms"], "user VM": result["user_vm_pause_ms"],
                "Domain R": result["domain_r_pause_ms"], "bytes of Domain R": result["domain_r_bytes"],
                **({"blocks": translated} if translated else {}),
                **{entry["name"]: entry["ms"] for entry in result["phases"]}}

    def translated_blocks(self):
        """How many blocks of the guest's code the user VM's QEMU has translated; 0 where the processor runs them."""
        if self.pair.status()["accelerator"] != "tcg":
            return 0
        told = self.pair.user_vm_monitor("x-query-jit")["human-readable-text"]
        return int(re.search(r"TB count +(\d+)", told)[1])

    def pids(self):
        status = self.pair.status()
        user_vm = status["user_vm"]["pid"]
        return {"user VM": user_vm, "Domain R": status["domain_r"]["pid"], "dmore-pair": parent(user_vm)}

    def close(self):
        self.pair.down()


class Stock(System):
    """The same user VM under QEMU alone.

    keyboard: "PS/2", the machine's own, or "usb-kbd"
    """

    _displays = itertools.count(1)

    def __init__(self, lab, model, keyboard="PS/2", host=None, incoming=False, guest=None, encrypted=False):
        """
        model: the Dmore whose user VM's command line is taken
        encrypted: it migrates as the VMs of a pair do, with TLS and the hosts' key
        guest: of the VM that is to come, if this is a migration's destination
        """
        self.host = host or lab.a
        self.keyboard, self.model, self.encrypted = keyboard, model, encrypted
        self.number = next(Stock._displays)
        path = lab.directory / f"stock{self.number}"
        if not guest:
            guest = Guest(path.with_suffix(".guest"))
            lab.on_close(guest.close)
        super().__init__(lab, f"QEMU -vnc, {keyboard}{', TLS' if encrypted else ''}", guest)
        self.address, self.port = self.host.address, 5900 + self.number
        self._monitor = path.with_suffix(".monitor")
        words = self._command_line(incoming)
        with open(path.with_suffix(".log"), "wb") as log:
            self.process = subprocess.Popen(self.host.command(words), stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        lab.on_close(self.close)
        self._await_monitor(log.name)
        self.qmp = Qmp(self._monitor)
        if not incoming:
            guest.follow(self.process.pid, 120)

    def _await_monitor(self, log):
        """QEMU has made its monitor's socket when it can be connected to."""
        result = subprocess.run(
            ["socat", "-u", "/dev/null", f"UNIX-CONNECT:{self._monitor},retry=600,interval=0.05"],
            stderr=subprocess.PIPE, text=True)
        if result.returncode != 0 or self.process.poll() is not None:
            with open(log, encoding="utf-8", errors="replace") as file:
                raise RuntimeError(f"{self.name} does not start: {file.read()}")

    def _command_line(self, incoming):
        with open(f"/proc/{self.model.pids()['user VM']}/cmdline", encoding="utf-8") as file:
            words = file.read().rstrip("\0").split("\0")
        result = [words.pop(0)]
        while words:
            option = words.pop(0)
            value = words.pop(0) if words and not words[0].startswith("-") else None
            if option == "-chardev" and value.startswith("socket,id=monitor,"):
                value = f"socket,id=monitor,path={self._monitor},server=on,wait=off"
            elif option == "-display":
                # JPEG is for clients that ask for it, as with D-MORE.
                option, value = "-vnc", f"{self.address}:{self.number},lossy=on"
            elif self._is_ours(option, value):
                continue
            result += [option] if value is None else [option, value]
        if self.keyboard == "usb-kbd":
            result += ["-device", "qemu-xhci,id=usb", "-device", "usb-kbd,bus=usb.0",
                       "-device", "usb-tablet,bus=usb.0"]
        if incoming:
            result += ["-incoming", "defer"]
        return [word.replace(self.model.guest.path, self.guest.path) for word in result]

    @staticmethod
    def _is_ours(option, value):
        ours = {
            "-S": (None,),
            "-chardev": ("socket,id=monitor-extra", "socket,id=keyboard", "socket,id=pointer"),
            "-mon": ("chardev=monitor-extra",),
            "-device": ("qemu-xhci", "usb-redir"),
            "-incoming": ("",),
        }
        return option in ours and (value is None or value.startswith(ours[option]))

    def await_boot(self):
        self.guest.await_boot(devices=2 if self.keyboard == "usb-kbd" else 0)

    stays_connected = False

    def migrate(self, bandwidth):
        """Move to the other host as QEMU's manual says; what it took, in ms. The console has another address
        then."""
        to = Stock(self.lab, self.model, self.keyboard, self.lab.other(self.host), True, self.guest, self.encrypted)
        uri = f"tcp:{to.host.address}:{to.port + 1000}"
        if self.encrypted:
            to._use_key("server")
            self._use_key("client")
        to.qmp.do("migrate-incoming", uri=uri)
        self.qmp.do("migrate-set-capabilities", capabilities=[{"capability": "events", "state": True}])
        self.qmp.do("migrate-set-parameters", **{"max-bandwidth": bandwidth})
        begin = time.monotonic()
        self.qmp.do("migrate", uri=uri)
        self.stopped_at = stopped = self.qmp.await_event("STOP")
        end = self.qmp.await_event("MIGRATION", status="completed")
        resumed = to.qmp.await_event("RESUME")
        told = self.qmp.do("query-migrate")
        self.guest.follow(to.process.pid)
        self.close()
        for name in ("host", "address", "port", "process", "qmp"):
            setattr(self, name, getattr(to, name))
        return {"total": (max(end, resumed) - begin) * 1000, "user VM": (resumed - stopped) * 1000,
                "QEMU's downtime": told["downtime"]}

    def _use_key(self, endpoint):
        name = f"key{self.number}"  # one that has come had another for that
        self.qmp.do("object-add", **{"qom-type": "tls-creds-psk", "id": name, "endpoint": endpoint,
                                     "dir": str(self.host.key.parent)} | ({"username": "dmore"} if endpoint == "client" else {}))
        self.qmp.do("migrate-set-parameters", **{"tls-creds": name})

    def pids(self):
        return {"user VM": self.process.pid}

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def in_turns(systems, rounds):
    """(round, system), so that what disturbs the machine for a while disturbs all alike; every other
    round goes backwards, so that none always follows the same one."""
    for number in range(rounds):
        for system in systems if number % 2 == 0 else reversed(systems):
            yield number, system


def make_all(lab):
    """A pair and both usual stock VMs, booted at the same time."""
    pair = Dmore(lab)
    systems = [pair, Stock(lab, pair, "PS/2"), Stock(lab, pair, "usb-kbd")]
    for system in systems:
        system.await_boot()
    return systems


def environment_for(build):
    """The laboratory's variables for a build directory, where the caller has not set them."""
    defaults = {"DMORE_BUILD": build, "DMORE_IMAGE": f"{build}/image", "DMORE_GUEST": f"{build}/guest"}
    for name, value in defaults.items():
        os.environ.setdefault(name, str(value))
