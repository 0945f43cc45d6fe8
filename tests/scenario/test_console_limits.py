# SPDX-License-Identifier: GPL-2.0-or-later
"""What clients may take of a console that belongs to all: connections, memory, time."""

import subprocess
import sys

import pytest

from lab import Pair

CONNECTIONS = 64  # image/inside/neatvnc.patch, MAX_CONNECTIONS
CLIENTS_MIN, CLIENTS_MAX = 2, 16  # src/domr/limit.h
PATIENCE_S = 60  # src/domr/visitors.h, VISITOR_PATIENCE

# Runs in the client's network namespace: a bare client that does what no viewer does.
SCRIPT = """
import socket, struct, sys, time

def read(connection, size):
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise ConnectionError("the console has ended the connection")
        data += part
    return data

def connect():
    connection = socket.create_connection((sys.argv[1], int(sys.argv[2])), 30)
    return connection, connection.recv(12)

def enter():
    "A client that is let in, and shares; or the reason why it is not."
    connection, version = connect()
    connection.sendall(version)
    (count,) = read(connection, 1)
    if count == 0:
        (size,) = struct.unpack(">I", read(connection, 4))
        return read(connection, size).decode()
    assert 1 in read(connection, count)
    connection.sendall(b"\\1")
    assert read(connection, 4) == bytes(4)
    connection.sendall(b"\\1")
    read(connection, 20)
    (size,) = struct.unpack(">I", read(connection, 4))
    read(connection, size)
    return connection

def see(connection):
    "A corner of the picture, raw."
    connection.sendall(struct.pack(">BBHi", 2, 0, 1, 0))
    connection.sendall(struct.pack(">BBHHHH", 3, 0, 0, 0, 16, 16))
    kind, rectangles = struct.unpack(">BxH", read(connection, 4))
    assert kind == 0
    for _ in range(rectangles):
        _, _, width, height, encoding = struct.unpack(">HHHHi", read(connection, 12))
        assert encoding == 0
        read(connection, 4 * width * height)

def flood(connection, bytes_, times):
    "Send without ever reading, until all is sent or the console has had enough."
    connection.settimeout(20)
    try:
        for _ in range(times):
            connection.sendall(bytes_)
    except OSError as problem:
        return type(problem).__name__
    return "sent"

"""


def run(lab, pair, body, timeout=120):
    result = subprocess.run(lab.client_command([sys.executable, "-c", SCRIPT + body, pair.address, pair.port]),
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            timeout=timeout)
    assert result.returncode == 0, result.stderr
    return result.stdout.split()


@pytest.fixture(scope="module")
def plain(lab):
    """A pair whose user VM never gets beyond its firmware, and whose console anybody may enter."""
    pair = Pair(lab, "limits", 74, user_vm={"memory": "64M"}).up(lab.a)
    yield pair
    pair.down()


def free_memory(pair):
    return pair.status()["domain_r"]["memory_free_bytes"]


def test_one_client_more_than_there_is_room_for(lab, plain):
    """It is told why, and may come when another one has gone."""
    count, entered = run(lab, plain, """
clients = []
while not isinstance(last := enter(), str):
    clients.append(last)
assert "no memory" in last, last
print(len(clients))
clients.pop().close()
deadline = time.monotonic() + 30
while isinstance(last := enter(), str):  # nobody tells when the other one's place is free
    assert time.monotonic() < deadline, last
see(last)
print("entered")
""")
    assert CLIENTS_MIN <= int(count) <= CLIENTS_MAX and entered == "entered"


def test_clients_that_say_nothing(lab, plain):
    """They are disconnected after a while, however many there are, and others can come again."""
    assert run(lab, plain, f"""
begin = time.monotonic()
silent = [connect() for _ in range({CONNECTIONS} + 6)]
assert sum(version != b"" for _, version in silent) <= {CONNECTIONS}
for connection, version in silent:
    connection.settimeout({2 * PATIENCE_S})
    assert connection.recv(1) == b""
assert time.monotonic() - begin > {PATIENCE_S} - 10
see(enter())
print("entered")
""", 5 * PATIENCE_S) == ["entered"]


@pytest.mark.parametrize("flood", [
    # Text for the clipboard, announced in full and never ended
    'struct.pack(">BxxxI", 6, 9_000_000) + bytes(8_000_000), 1',
    # Encodings, which are answered with a request for an echo
    'struct.pack(">BxH", 2, 2) + struct.pack(">ii", 0, -312), 50_000',
    # Requests for an echo
    'struct.pack(">BxxxIB", 248, 1 << 31, 64) + bytes(64), 50_000',
    # Single pixels of the screen, none beside another
    'b"".join(struct.pack(">BBHHHH", 3, 0, 2 * (n % 300), 2 * (n // 300), 1, 1) for n in range(50_000)), 4',
    # Keys, pressed and let go
    'struct.pack(">BBxxI", 4, 1, 97) + struct.pack(">BBxxI", 4, 0, 97), 20_000',
], ids=["clipboard", "encodings", "echoes", "pixels", "keys"])
def test_flood(lab, plain, flood):
    """Some clients send without an end and never read. Another one is served meanwhile, and the memory of
    Domain R is not eaten up."""
    before = free_memory(plain)
    body = f"""
other = enter()
import threading
threads = [threading.Thread(target=flood, args=(enter(), {flood})) for _ in range(4)]
for thread in threads:
    thread.start()
for _ in range(20):
    see(other)
for thread in threads:
    thread.join()
see(other)
print("served")
"""
    assert run(lab, plain, body, 300) == ["served"]
    assert free_memory(plain) > before - (8 << 20)
    assert plain.status()["domain_r"]["state"] == "running"
