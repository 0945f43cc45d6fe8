# SPDX-License-Identifier: GPL-2.0-or-later
"""What was really on the wire: tcpdump at the client, and a reader of its files."""

import collections
import dataclasses
import re
import struct
import subprocess

# Format: https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html; tcpdump writes in the byte
# order of the machine, which is little-endian here.
MAGIC_MICROSECONDS = 0xA1B2C3D4
LINK_ETHERNET = 1

FIN, SYN, RST = 1, 2, 4


@dataclasses.dataclass
class Connection:
    """One TCP connection's packets in both directions."""

    ends: tuple
    times: list = dataclasses.field(default_factory=list, repr=False)
    server_times: list = dataclasses.field(default_factory=list, repr=False)
    server_macs: set = dataclasses.field(default_factory=set)
    opened: int = 0  # SYNs of the client
    fins: int = 0
    resets: int = 0

    @property
    def unbroken(self):
        return self.opened == 1 and not self.fins and not self.resets

    def longest_gap_ms(self):
        """Between two packets from the server."""
        return max(((b - a) * 1000 for a, b in zip(self.server_times, self.server_times[1:])), default=0.0)


def tcp_packets(data):
    """(time, source, destination, source's MAC, flags) of each TCP packet in a pcap file."""
    magic, _, _, _, _, _, link = struct.unpack_from("<IHHiIII", data)
    if magic != MAGIC_MICROSECONDS or link != LINK_ETHERNET:
        raise ValueError("no pcap file of an Ethernet with the machine's byte order")
    at = 24
    while at + 16 <= len(data):
        seconds, micros, length, _ = struct.unpack_from("<IIII", data, at)
        packet = data[at + 16:at + 16 + length]
        at += 16 + length
        ethertype = packet[12:14]
        if ethertype == b"\x08\x00" and packet[23] == 6:
            header = 14 + (packet[14] & 15) * 4
            source, destination = packet[26:30], packet[30:34]
        elif ethertype == b"\x86\xdd" and packet[20] == 6:
            header = 14 + 40
            source, destination = packet[22:38], packet[38:54]
        else:
            continue
        source_port, destination_port = struct.unpack_from(">HH", packet, header)
        yield (seconds + micros / 1e6, (source, source_port), (destination, destination_port),
               packet[6:12].hex(":"), packet[header + 13])


def connections(data, server_port):
    """The connections to a port in a pcap file, by (client, server)."""
    result = collections.OrderedDict()
    for time, source, destination, mac, flags in tcp_packets(data):
        if destination[1] == server_port:
            ends = (source, destination)
        elif source[1] == server_port:
            ends = (destination, source)
        else:
            continue
        connection = result.setdefault(ends, Connection(ends))
        connection.times.append(time)
        from_client = ends[0] == source
        if not from_client:
            connection.server_times.append(time)
            connection.server_macs.add(mac)
        connection.opened += bool(flags & SYN) and from_client
        connection.fins += bool(flags & FIN)
        connection.resets += bool(flags & RST)
    return result


class Capture:
    """tcpdump on the client's interface, of what goes to and from a console, from construction until
    stop()."""

    def __init__(self, lab, address, port=5900, name="capture"):
        self.path = lab.directory / f"{name}.pcap"
        self.port = port
        command = ["tcpdump", "-i", "eth0", "-n", "-U", "--immediate-mode", "-s", "128", "-B", "8192", "-Z", "root",
                   "-w", str(self.path), f"host {address} and tcp port {port}"]
        self.process = subprocess.Popen(lab.client_command(command), stderr=subprocess.PIPE, text=True)
        lab.on_close(self._end)
        line = self.process.stderr.readline()
        if "listening on" not in line:
            raise RuntimeError(f"tcpdump: {line}")

    def _end(self):
        """End tcpdump; what it said of its work."""
        if self.process.poll() is None:
            self.process.terminate()
        if not self.process.stderr.closed:
            self._summary = self.process.communicate()[1]
        return self._summary

    def stop(self):
        """End the capture; the connections seen, in the order of their first packet."""
        summary = self._end()
        if not re.search(r"^0 packets dropped by kernel", summary, re.MULTILINE):
            raise RuntimeError(f"tcpdump has missed packets: {summary}")
        return list(connections(self.path.read_bytes(), self.port).values())
