# SPDX-License-Identifier: GPL-2.0-or-later
"""Hosts, a switch and a client as network namespaces, and D-MORE's programs running on the hosts.

    client ---- switch ---- host a (bridge br0: VMs)
                      +---- host b (bridge br0: VMs)

Several laboratories can exist at once: everything that has a name in the kernel carries the process
id. Whatever a laboratory makes it removes again: at the end, on an error, and on SIGTERM; what one
that was killed has left behind, the next one removes. Needs root.
"""

import atexit
import contextlib
import dataclasses
import fcntl
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid

from . import processes
from .lives import Lives

ROOT = pathlib.Path(__file__).resolve().parents[2]
RUN = pathlib.Path("/run")  # short: paths of sockets may have 107 characters
PREFIX = "dmorelab"
NETWORK = "10.77.0"
CLIENT_ADDRESS = f"{NETWORK}.1"
WRITE_MEMORY = "/proc/sys/net/ipv4/tcp_wmem"  # sizes of a send buffer: the least, the first, the most
BOOT_ID = "/proc/sys/kernel/random/boot_id"
KEPT = "kept"  # this file in a laboratory's directory: its process has left it up on purpose


@dataclasses.dataclass
class Paths:
    """Where the parts of the product and the tools of the laboratory are."""

    dmore: pathlib.Path
    dmored: pathlib.Path
    image: pathlib.Path
    vncdrive: pathlib.Path
    wire: pathlib.Path
    reporter: pathlib.Path
    guest: pathlib.Path


def paths():
    """From $DMORE_BUILD, the build directory, and $DMORE_IMAGE, Domain R's image."""
    build = pathlib.Path(os.environ.get("DMORE_BUILD", ROOT / "build")).resolve()
    image = pathlib.Path(os.environ.get("DMORE_IMAGE", ROOT / "build" / "image")).resolve()
    return Paths(
        dmore=build / "src/cli/dmore",
        dmored=build / "src/dmored/dmored",
        image=image,
        vncdrive=build / "tests/client/vncdrive",
        wire=build / "tests/wire/wire",
        reporter=build / "tests/guest/reporter",
        guest=pathlib.Path(os.environ.get("DMORE_GUEST", ROOT / "build" / "guest")).resolve(),
    )


def run(*command, **options):
    """Run a program; its output. What it says on standard error is part of the exception."""
    result = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, **options)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: status {result.returncode}: {result.stderr.strip()}")
    return result.stdout


class Host:
    """A machine that runs VMs, and its dmored."""

    def __init__(self, lab, name, address, bandwidth=None):
        self.lab, self.name, self.address = lab, name, address
        self.namespace = f"{lab.name}-{name}"
        self.directory = lab.directory / name
        self.directory.mkdir()
        self._boot_id = self.directory / "boot_id"  # once it has been booted anew
        self.config = self.directory / "dmore.conf"
        self.run_dir = self.directory / "run"
        self.state_dir = self.directory / "state"
        self.key = self.directory / "key" / "keys.psk"
        self.settings = {
            "listen": address,
            "key": self.key,
            "image": lab.tools.image,
            "run-dir": self.run_dir,
            "state-dir": self.state_dir,
        }
        if bandwidth:
            self.settings["bandwidth"] = bandwidth
        if lab.lives:
            self.settings["qemu"] = lab.lives.qemu
        self.write_config()
        self.dmored = None

    def write_config(self, **changes):
        """The host's configuration file; `changes` are for this time only."""
        settings = {**self.settings, **{name.replace("_", "-"): value for name, value in changes.items()}}
        lines = "".join(f"{name} = {value}\n" for name, value in settings.items())
        self.config.write_text(f"[host]\n{lines}")

    def command(self, words):
        words = ["ip", "netns", "exec", self.namespace, *map(str, words)]
        if self._boot_id.exists():
            # `ip netns exec` gives each program a mount namespace of its own.
            words[4:4] = ["sh", "-c", f'mount --bind "$0" {BOOT_ID} && exec "$@"', str(self._boot_id)]
        return words

    def run(self, *words, **options):
        return run(*self.command(words), **options)

    def dmore(self, *words):
        """The command line of `dmore` on this host."""
        tools = self.lab.tools
        return self.command([tools.dmore, "--config", self.config, *words])

    def start_dmored(self, environment=None, hide=None):
        """
        hide: a directory whose content dmored and what it starts do not see, as if it lay on
            another machine's disk
        """
        words = [self.lab.tools.dmored, "--config", self.config]
        if hide:
            # `ip netns exec` gives each program a mount namespace of its own.
            words = ["sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"', hide, *words]
        self._log_start = len(self.log())
        log = open(self.directory / "dmored.log", "ab")
        self.dmored = subprocess.Popen(
            self.command(words),
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            env={**os.environ, **(environment or {})})
        log.close()
        self._await_listening()

    def _await_listening(self, timeout=20):
        """Until dmored says that it listens, in the log that only its writes fill."""
        deadline = time.monotonic() + timeout
        while "listens on" not in self.log()[self._log_start:]:
            if self.dmored.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"dmored on host {self.name} does not listen: {self.log()}")
            time.sleep(0.01)

    def stop_dmored(self):
        if self.dmored and self.dmored.poll() is None:
            self.dmored.terminate()
            self.dmored.wait(20)
        self.dmored = None

    def power_off(self):
        """Gone at once, as without current: the network hears nothing more of it, every process and
        every connection is gone, and so is what is kept in memory, the run directory."""
        run("ip", "-n", f"{self.lab.name}-s", "link", "del", f"port-{self.name}")
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self.dmored:
            self.dmored.wait(20)
        self.dmored = None
        run("ip", "netns", "del", self.namespace)
        shutil.rmtree(self.run_dir, ignore_errors=True)

    def power_on(self):
        """Back, as after a boot; dmored is not started yet."""
        run("ip", "netns", "add", self.namespace)
        run("ip", "-n", self.namespace, "link", "set", "lo", "up")
        self._boot_id.write_text(f"{uuid.uuid4()}\n")
        self.lab.make_host_network(self.namespace, self.address)

    @contextlib.contextmanager
    def limit_send_buffers(self, size):
        """Connections that are made meanwhile keep at most so many bytes that the peer has not acknowledged."""
        before = self.run("cat", WRITE_MEMORY).split()
        self._write_memory(before[0], size, size)
        try:
            yield
        finally:
            self._write_memory(*before)

    def _write_memory(self, *sizes):
        self.run("sh", "-c", f"echo {' '.join(map(str, sizes))} >{WRITE_MEMORY}")

    def unplug(self):
        """The switch forwards nothing to and from this host; nobody is told."""
        run("ip", "-n", f"{self.lab.name}-s", "link", "set", f"port-{self.name}", "down")

    def plug(self):
        run("ip", "-n", f"{self.lab.name}-s", "link", "set", f"port-{self.name}", "up")

    def notes(self):
        """What is noted of co-migrations: the words, sorted."""
        words = []
        for path in (self.state_dir / "comigrations").glob("*"):
            with contextlib.suppress(FileNotFoundError):  # it may go as it is looked at
                if path.suffix != ".new":
                    words.append(re.search("^word=(.*)$", path.read_text(), re.MULTILINE).group(1))
        return sorted(words)

    def log(self):
        path = self.directory / "dmored.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def hypervisor(self, name):
        """The process that has a VM: "web" is the user VM of the pair web, "web-r" its Domain R."""
        for pid in self.pids():
            if f"guest={name},debug-threads=on" in processes.arguments(pid):
                return pid
        raise LookupError(f"no VM {name} on host {self.name}")

    def dmore_pair(self, name):
        """The process that runs a pair: it keeps its directory's lock."""
        keeper = str(self.pair_files(name) / "keeper")
        for pid in self.pids():
            if keeper in processes.open_files(pid):
                return pid
        raise LookupError(f"nobody runs {name} on host {self.name}")

    def is_hypervisor(self, name):
        """Whether a VM has a process here."""
        try:
            return bool(self.hypervisor(name))
        except LookupError:
            return False

    def pair_processes(self):
        """What runs on the host for pairs: dmore-pairs and hypervisors."""
        return [pid for pid in self.pids() if processes.name(pid) not in ("", "dmored")]

    def stayed(self, before):
        """Of the processes that run for pairs and did not before, those that do not end by themselves soon, as
        a dmore-pair does that has answered."""
        return [pid for pid in self.pair_processes() if pid not in before and not processes.await_end(pid)]

    def pair_files(self, pair):
        return self.run_dir / pair

    def pids(self):
        """All processes on this host."""
        return processes.in_namespace(self.namespace)


class Lab:
    def __init__(self, bandwidth=None, dmored=True, environment=None, lives=True):
        """
        bandwidth: of a host's memory streams, as in its configuration file
        environment: further variables for dmored and dmore
        lives: whether each VM's QEMU tells when it runs
        """
        sweep()
        self.tools = paths()
        self.environment = environment or {}
        self.name = f"{PREFIX}{os.getpid()}x{Lab._next()}"
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix=f"{self.name}-", dir=RUN))
        self.lives = Lives(self.directory / "lives") if lives else None
        self._closers = []
        self.closed = False
        atexit.register(self.close)
        _close_on_signals()
        try:
            self._make_network()
            self.hosts = {}
            for number, name in enumerate("ab"):
                self.hosts[name] = Host(self, name, f"{NETWORK}.{number + 2}", bandwidth)
            self.a, self.b = self.hosts.values()
            self._make_keys()
            if dmored:
                for host in self.hosts.values():
                    host.start_dmored(self.environment)
        except BaseException:
            self.close()
            raise

    _count = 0

    @classmethod
    def _next(cls):
        cls._count += 1
        return cls._count

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def other(self, host):
        return self.b if host is self.a else self.a

    # Making

    def _make_network(self):
        switch, client = f"{self.name}-s", f"{self.name}-c"
        for namespace in (switch, client, f"{self.name}-a", f"{self.name}-b"):
            run("ip", "netns", "add", namespace)
            run("ip", "-n", namespace, "link", "set", "lo", "up")
        run("ip", "-n", switch, "link", "add", "core", "type", "bridge")
        run("ip", "-n", switch, "link", "set", "core", "up")
        self._plug(client, "eth0")
        run("ip", "-n", client, "addr", "add", f"{CLIENT_ADDRESS}/24", "dev", "eth0")
        for number, name in enumerate("ab"):
            self.make_host_network(f"{self.name}-{name}", f"{NETWORK}.{number + 2}")

    def make_host_network(self, namespace, address):
        """A bridge for VMs in a host's namespace, and its cable to the switch."""
        run("ip", "-n", namespace, "link", "add", "br0", "type", "bridge")
        run("ip", "-n", namespace, "link", "set", "br0", "up")
        run("ip", "-n", namespace, "addr", "add", f"{address}/24", "dev", "br0")
        self._plug(namespace, "up0")
        run("ip", "-n", namespace, "link", "set", "up0", "master", "br0")

    def _plug(self, namespace, interface):
        """A cable from an interface to the switch.

        A bridge takes the lowest address of its ports. Network cards have lower ones than the ports
        of VMs; a random one might not, and the host's own address would change when a VM comes.
        """
        port = f"port-{namespace[-1]}"
        address = f"02:00:00:00:00:{ord(namespace[-1]):02x}"
        run("ip", "-n", namespace, "link", "add", interface, "address", address, "type", "veth",
            "peer", "name", port, "netns", f"{self.name}-s")
        run("ip", "-n", namespace, "link", "set", interface, "up")
        run("ip", "-n", f"{self.name}-s", "link", "set", "dev", port, "master", "core", "up")

    def _make_keys(self):
        run(*self.a.dmore("keygen"))
        self.b.key.parent.mkdir(mode=0o700)
        shutil.copy(self.a.key, self.b.key)

    def build_guest(self):
        """The test guest; built when something in it has changed."""
        run(ROOT / "tests/guest/build", self.tools.reporter, self.tools.guest)
        return self.tools.guest

    def client_command(self, words):
        return ["ip", "netns", "exec", f"{self.name}-c", *map(str, words)]

    # Ending

    def on_close(self, function):
        """Have a function called when the laboratory is closed, the last one first."""
        self._closers.append(function)

    def keep(self):
        """Leave everything up when this process ends; sweep(kept=True) takes it down."""
        (self.directory / KEPT).write_text("")
        atexit.unregister(self.close)
        self.closed = True

    def close(self):
        if self.closed:
            return
        self.closed = True
        atexit.unregister(self.close)
        for closer in reversed(self._closers):
            try:
                closer()
            except Exception as problem:  # the rest is to be cleaned up all the same
                print(f"lab: {problem}", file=sys.stderr)
        remove(self.name)


def namespaces():
    return [line["name"] for line in json.loads(run("ip", "-json", "netns", "list") or "[]")]


def remove(name):
    """Remove a laboratory: end the processes in its namespaces, then these and its directory."""
    for namespace in namespaces():
        if not namespace.startswith(f"{name}-"):
            continue
        for pid in processes.in_namespace(namespace):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        run("ip", "netns", "del", namespace)
    for directory in RUN.glob(f"{name}-*"):
        shutil.rmtree(directory, ignore_errors=True)


def sweep(kept=False):
    """Remove what laboratories have left whose process is gone; also those that were kept, if asked."""
    directory = os.open(RUN, os.O_RDONLY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)  # another laboratory that begins may sweep as well
        _sweep(kept)
    finally:
        os.close(directory)


def _sweep(kept):
    names = {}
    for found in [*namespaces(), *(path.name for path in RUN.glob(f"{PREFIX}*"))]:
        match = re.match(rf"({PREFIX}(\d+)x\d+)-", found)
        if match:
            names[match.group(1)] = int(match.group(2))
    for name, pid in names.items():
        is_kept = any((path / KEPT).exists() for path in RUN.glob(f"{name}-*"))
        if kept if is_kept else not os.path.exists(f"/proc/{pid}"):
            remove(name)


def _close_on_signals():
    """SIGTERM and SIGHUP end the program as an exception does, so that all is removed."""

    def leave(number, _):
        sys.exit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, leave)
