#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Clients that do one thing, again and again, as fast as they can; run in the client's namespace.

usage: flood.py ADDRESS PORT WHAT COUNT

WHAT, each by COUNT connections at once:
    input      pointer and keys that no layout has: what arrives, but is not seen in what others type
    updates    asks for the whole screen and never reads it
    burst      the same, but asks 500 times at once and not again
    visits     connects, is let in, goes without a word, comes again
    silence    connects and says nothing

A console may let in fewer of them than that. Prints "flooding" when all have begun that it lets in, at least
one, and then goes on until it is killed. RFC 6143 has the messages.
"""

import select
import socket
import struct
import sys

VERSION = b"RFB 003.008\n"
SECURITY_NONE = b"\x01"
SHARED = b"\x01"
NO_KEY = 0xFFFFFF  # XK_VoidSymbol
EVENTS = 500  # in one piece


def receive(connection, size):
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            raise ConnectionError("the server has hung up")
        data += piece
    return data


def enter(address):
    """A connection that has been let in; its screen's size."""
    connection = socket.create_connection(address, 60)
    receive(connection, len(VERSION))
    connection.sendall(VERSION)
    receive(connection, receive(connection, 1)[0])
    connection.sendall(SECURITY_NONE)
    receive(connection, 4)
    connection.sendall(SHARED)
    width, height, _, name = struct.unpack(">HH16sI", receive(connection, 24))
    receive(connection, name)
    return connection, (width, height)


def enter_all(address, count):
    """As many as are let in."""
    entered = []
    for _ in range(count):
        try:
            entered.append(enter(address))
        except (ConnectionError, struct.error):  # refused: the rest of what it says is a reason
            break
    if not entered:
        sys.exit("nobody is let in")
    return entered


def pointer(n, size):
    return struct.pack(">BBHH", 5, 0, n * 7 % size[0], n * 3 % size[1])


def key(n):
    return struct.pack(">BBHI", 4, n & 1, 0, NO_KEY)


def request(size):
    return struct.pack(">BBHHHH", 3, 0, 0, 0, *size)


def forever(connections, piece):
    """Send the same piece to all, to each as fast as it takes it."""
    rest = {connection: piece for connection in connections}
    for connection in connections:
        connection.setblocking(False)
    while rest:
        _, ready, _ = select.select([], list(rest), [])
        for connection in ready:
            try:
                rest[connection] = rest[connection][connection.send(rest[connection]):] or piece
            except BlockingIOError:
                pass
            except ConnectionError:  # the server may well have enough of it
                del rest[connection]


def flood(address, what, count):
    if what == "silence":
        everyone = [socket.create_connection(address, 60) for _ in range(count)]
        print("flooding", flush=True)
        select.select([], [], [])
        del everyone
    if what == "visits":
        while True:
            visitors = enter_all(address, count)
            print("flooding", flush=True)
            for visitor, _ in visitors:
                visitor.close()
    entered = enter_all(address, count)
    size = entered[0][1]
    pieces = {
        "input": b"".join(pointer(n, size) + key(n) for n in range(EVENTS)),
        "updates": request(size) * EVENTS,
    }
    if what == "burst":
        for connection, _ in entered:
            connection.sendall(request(size) * EVENTS)
    print("flooding", flush=True)
    if what != "burst":
        forever([connection for connection, _ in entered], pieces[what])
    select.select([], [], [])


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    flood((sys.argv[1], int(sys.argv[2])), sys.argv[3], int(sys.argv[4]))
