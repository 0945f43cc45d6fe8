# SPDX-License-Identifier: GPL-2.0-or-later
"""The network hears at once where a console's addresses are: somebody may know them at another place."""

import subprocess
import sys

from lab import Pair

ADDRESS4, ADDRESS6 = "10.77.0.72", "fd77::72"

# Runs in the client's network namespace; ends when both announcements have been heard.
LISTENER = """
import socket, sys
four, six = socket.inet_aton(sys.argv[1]), socket.inet_pton(socket.AF_INET6, sys.argv[2])
packets = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))  # every protocol
packets.settimeout(120)
print("listening", flush=True)
missing = {"ARP", "advertisement"}
while missing:
    packet, (_, protocol, *_) = packets.recvfrom(2048)
    if protocol == 0x0806 and packet[14:18] == packet[24:28] == four:
        missing.discard("ARP")
    if protocol == 0x86dd and packet[6] == 58 and packet[40] == 136 and packet[48:64] == six:
        missing.discard("advertisement")
print("heard", flush=True)
"""


def test_addresses_are_announced(lab):
    listener = subprocess.Popen(lab.client_command([sys.executable, "-c", LISTENER, ADDRESS4, ADDRESS6]),
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    assert listener.stdout.readline() == "listening\n"
    pair = Pair(lab, "announce", 72, user_vm={"memory": "64M"},
                domain_r={"address": f"{ADDRESS4}/24", "address6": f"{ADDRESS6}/64"}).up(lab.a)
    try:
        assert listener.communicate(timeout=120)[0] == "heard\n"
    finally:
        listener.kill()
        pair.down()
