# SPDX-License-Identifier: GPL-2.0-or-later
"""The laboratory: hosts, a switch and a client as network namespaces, real VMs, a real VNC client.

The scenario tests and the demo are written on top of it. Python's standard library only.
"""

from .capture import Capture
from .client import Client, Disconnected
from .guest import Guest
from .lab import Host, Lab, paths
from .pair import CommandFailed, Pair
from .picture import Picture
from .wire import Wire

__all__ = ["Capture", "Client", "CommandFailed", "Disconnected", "Guest", "Host", "Lab", "Pair",
           "Picture", "Wire", "paths"]
