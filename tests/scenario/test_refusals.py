# SPDX-License-Identifier: GPL-2.0-or-later
"""Bad input gets a sentence that names what is wrong, and changes nothing."""

import hashlib
import re
import shutil
import subprocess

import pytest

from conftest import sanitized_only
from lab import CommandFailed, Pair, processes
from lab.pair import dmore

pytestmark = sanitized_only

# dmore's exit statuses, src/base/error.h
USAGE, HOST, NOT_FOUND, BUSY, PEER = 2, 3, 4, 5, 6


@pytest.fixture(scope="module")
def small(lab):
    """A pair whose user VM never gets beyond its firmware: refusals need no guest."""
    disk = lab.directory / "disks" / "small.raw"
    disk.parent.mkdir()
    with open(disk, "wb") as file:
        file.truncate(1 << 20)
    pair = Pair(lab, "small", 80, user_vm={"memory": "64M", "disk": f"{disk}, format=raw"})
    pair.disk = disk
    pair.up(lab.a)
    yield pair
    pair.down()


def state(host):
    """All that a refused command must leave alone: processes, files, interfaces."""
    files = sorted(str(path) for path in host.run_dir.rglob("*") if path.name != "pair.log")
    programs = sorted(processes.name(pid) for pid in host.pids())
    links = re.findall(r"^\d+: (\S+?)[@:]", host.run("ip", "link"), re.MULTILINE)
    return files, programs, links


def refused(lab, host, status, pattern, *words):
    """The command fails with that status and a sentence like that, and both hosts are as before."""
    before = state(lab.a), state(lab.b)
    running = {each: each.pair_processes() for each in lab.hosts.values()}
    with pytest.raises(CommandFailed) as failure:
        dmore(host, *words, timeout=60)
    assert re.search(pattern, failure.value.message), failure.value.message
    assert failure.value.status == status
    assert [pid for each, pids in running.items() for pid in each.stayed(pids)] == []
    assert (state(lab.a), state(lab.b)) == before


def bad_file(lab, text):
    path = lab.directory / "bad.conf"
    path.write_text(text)
    return path


GOOD = """[pair]
name = bad
[user-vm]
memory = 64M
[domain-r]
address = 10.77.0.90/24
bridge = br0
[console]
auth = none
"""


@pytest.mark.parametrize("text, pattern", [
    (GOOD.replace("memory", "memroy"), r"bad\.conf:4: .*memroy"),
    (GOOD.replace("64M", "many"), r"bad\.conf:4: .*many"),
    (GOOD.replace("name = bad", "name = Bad!"), r"bad\.conf:2: .*Bad!"),
    (GOOD.replace("[console]", "[consul]"), r"bad\.conf:8: .*consul"),
    (GOOD.replace("auth = none", "auth = none\nport = 70000"), r"bad\.conf:10: .*70000"),
    (GOOD.replace("auth = none", "layout = klingon"), r"bad\.conf:9: .*klingon"),
    (GOOD.replace("memory = 64M\n", ""), r"memory"),
    (GOOD.replace("address = 10.77.0.90/24\n", ""), r"address"),
    ("memory = 1G\n", r"bad\.conf:1: "),
])
def test_wrong_file(lab, text, pattern):
    refused(lab, lab.a, USAGE, pattern, "up", bad_file(lab, text))


@pytest.mark.parametrize("old, new, pattern", [
    ("bridge = br0", "bridge = br7", "br7"),
    ("memory = 64M", "memory = 3000G", "memory"),
    ("memory = 64M", "memory = 64M\ndisk = /nowhere/disk.raw", "/nowhere/disk.raw"),
    ("memory = 64M", "memory = 64M\nkernel = /nowhere/vmlinuz", "/nowhere/vmlinuz"),
])
def test_host_lacks_something(lab, old, new, pattern):
    refused(lab, lab.a, HOST, pattern, "up", bad_file(lab, GOOD.replace(old, new)))


def test_no_such_file(lab):
    refused(lab, lab.a, USAGE, "/nowhere/pair.conf", "up", "/nowhere/pair.conf")


def test_name_is_taken(lab, small):
    refused(lab, lab.a, BUSY, "small", "up", small.file)


def test_ipv6_address_is_in_use(lab):
    """As below; the client of the laboratory has it."""
    client = f"{lab.name}-c"
    subprocess.run(["ip", "-n", client, "addr", "add", "fd77::5/64", "dev", "eth0", "nodad"], check=True)
    path = bad_file(lab, GOOD.replace("[domain-r]\n", "[domain-r]\naddress6 = fd77::5/64\n"))
    refused(lab, lab.b, HOST, "fd77::5.* is in use", "up", path)


def test_address_is_in_use(lab, small):
    """Somebody has the address already, maybe on another host: the network tells, before the pair is
    said to run."""
    path = bad_file(lab, GOOD.replace("10.77.0.90", small.address))
    try:
        refused(lab, lab.b, HOST, re.escape(small.address), "up", path)
    finally:
        if "bad" in dmore(lab.b, "status", "--names").split():
            dmore(lab.b, "down", "bad")


@pytest.mark.parametrize("words", [["status", "nobody"], ["migrate", "nobody", "10.77.0.3"], ["cancel", "nobody"],
                                   ["console", "nobody"], ["down", "nobody"]])
def test_no_such_pair(lab, words):
    refused(lab, lab.a, NOT_FOUND, "nobody", *words)


@pytest.mark.parametrize("words", [[], ["upp", "x"], ["up"], ["migrate", "small"], ["status", "--jsn"],
                                   ["migrate", "small", "10.77.0.3:port"]])
def test_wrong_command_line(lab, small, words):
    refused(lab, lab.a, USAGE, "", *words)


def test_cancel_without_a_migration(lab, small):
    refused(lab, lab.a, NOT_FOUND, "small", "cancel", "small")


@pytest.mark.parametrize("destination, status", [
    ("10.77.0.3:1", NOT_FOUND),  # nobody listens there
    ("10.77.0.77", NOT_FOUND),  # no such machine
    ("no-such-host.invalid", NOT_FOUND),
])
def test_no_such_host(lab, small, destination, status):
    refused(lab, lab.a, status, re.escape(destination.split(":")[0]), "migrate", "small", destination)
    assert small.status()["state"] == "running"


def restarted(host):
    host.stop_dmored()
    host.start_dmored(host.lab.environment)


@pytest.fixture
def changed_b(lab):
    """Lets a test change host b's set-up; put back afterwards."""
    yield lab.b
    lab.b.write_config()
    shutil.copy(lab.a.key, lab.b.key)
    restarted(lab.b)


def test_host_with_another_image(lab, small, changed_b):
    image = lab.directory / "other-image"
    shutil.copytree(lab.tools.image, image, ignore=shutil.ignore_patterns("domr", "log"))
    with open(image / "initrd", "ab") as file:
        file.write(b"\0" * 512)
    kernel, initrd = (image / "vmlinuz").read_bytes(), (image / "initrd").read_bytes()
    description = (image / "image.json").read_text()
    changed = re.sub(r'"id": "[0-9a-f]+"', f'"id": "{hashlib.sha256(kernel + initrd).hexdigest()}"', description)
    (image / "image.json").write_text(changed)
    changed_b.write_config(image=image)
    restarted(changed_b)
    refused(lab, lab.a, HOST, "image", "migrate", "small", changed_b.address)
    assert small.status()["state"] == "running"


def test_host_with_another_key(lab, small, changed_b):
    changed_b.key.unlink()
    changed_b.run(lab.tools.dmore, "--config", changed_b.config, "keygen")
    restarted(changed_b)
    refused(lab, lab.a, PEER, "key", "migrate", "small", changed_b.address)
    assert small.status()["state"] == "running"


def test_disk_is_missing_on_the_destination(lab, small, changed_b):
    changed_b.stop_dmored()
    changed_b.start_dmored(lab.environment, hide=small.disk.parent)
    refused(lab, lab.a, HOST, str(small.disk), "migrate", "small", changed_b.address)
    assert small.status()["state"] == "running"


def test_name_is_taken_on_the_destination(lab, small):
    other = Pair(lab, "small", 85, user_vm={"memory": "64M"})
    other.file = lab.directory / "small-on-b.conf"
    other.write()
    other.up(lab.b)
    try:
        refused(lab, lab.a, BUSY, "small", "migrate", "small", lab.b.address)
    finally:
        other.down()


def test_dmored_does_not_start_without_an_address(lab):
    host = lab.b
    host.stop_dmored()
    try:
        host.config.write_text(f"[host]\nkey = {host.key}\n")
        with pytest.raises(RuntimeError, match="listen"):
            host.run(lab.tools.dmored, "--config", host.config, timeout=30)
    finally:
        host.write_config()
        host.start_dmored(lab.environment)
