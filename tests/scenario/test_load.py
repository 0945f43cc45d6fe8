# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests that are busy while they move: with memory, a disk, the network."""

import re
import subprocess
import sys

from conftest import alone
from lab.lab import CLIENT_ADDRESS
from lab.typist import Typist

pytestmark = alone

BLOCK = 4096
ECHO_PORT = 7777


def test_memory_is_dirtied_fast(bench, console):
    console.guest.command("dirty 60 100")
    typist = Typist(console.client)
    typist.start()
    console.await_typed(30)
    console.pair.migrate()
    console.check_typed(typist.stop())
    bench.check_screen(console.client)


def block(number):
    return (b"block %09d\n" % number) * (BLOCK // 16)


def locked(disk):
    """Whether a hypervisor holds the image; the words are QEMU's."""
    result = subprocess.run(["qemu-io", "-f", "raw", "-c", "read 0 512", str(disk)],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return "lock" in result.stdout


def holders(disk, host):
    """Processes of a host that have the image open."""
    found = []
    for pid in host.pids():
        try:
            links = subprocess.run(["ls", "-l", f"/proc/{pid}/fd"], capture_output=True, text=True).stdout
        except OSError:
            continue
        if str(disk) in links:
            found.append(pid)
    return found


def test_disk_that_both_hosts_see(bench, console):
    """The guest writes numbered blocks while it moves: each block that it believes is on the disk is
    there, and only the side that runs the VM holds the image."""
    first, count = 100, 400
    source = console.pair.host
    console.guest.command(f"disk {first} {count} 20")
    console.pair.migrate()
    assert holders(bench.disk, source) == []
    assert len(holders(bench.disk, console.pair.host)) == 1
    assert locked(bench.disk)
    console.guest.await_line("OK disk done", 60, console.mark)
    written = [int(line.text[2:]) for line in console.guest.lines("W", console.mark)]
    assert written == list(range(first, first + count))
    with open(bench.disk, "rb") as file:
        for number in written:
            file.seek(number * BLOCK)
            assert file.read(BLOCK) == block(number), f"block {number}"


ECHO_SERVER = f"""
import socket
listener = socket.create_server(("", {ECHO_PORT}))
print("ready", flush=True)
connection, _ = listener.accept()
while data := connection.recv(4096):
    connection.sendall(data)
"""


def test_network_connection_of_the_guest(lab, console):
    """A connection of the guest's own, over its own network card, goes on."""
    server = subprocess.Popen(lab.client_command([sys.executable, "-c", ECHO_SERVER]),
                              stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout.readline() == "ready\n"
        console.guest.run("ip link set eth0 up; ip addr replace 10.77.0.110/24 dev eth0")
        count = 500
        console.guest.command(f"net {CLIENT_ADDRESS} {ECHO_PORT} {count} 20")
        console.guest.await_line("N 20 ", since=console.mark)
        console.pair.migrate()
        console.guest.await_line("OK net done", 60, console.mark)
    finally:
        server.kill()
        server.wait()
        server.stdout.close()
    numbers = [int(re.match(r"N (\d+)", line.text).group(1)) for line in console.guest.lines("N", console.mark)]
    assert numbers == list(range(count))
