# SPDX-License-Identifier: GPL-2.0-or-later
"""A hypervisor's monitor, as an operator's script talks to it."""

import json
import socket
import threading
import time

from lab.waiting import Journal


class Qmp:
    """Events are journalled as (time, name, data)."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self._stream = self._socket.makefile("rw")
        self._answers = Journal(f"answers of {path}")
        self.events = Journal(f"events of {path}")
        self._stream.readline()  # the greeting
        threading.Thread(target=self._read, daemon=True).start()
        self.do("qmp_capabilities")

    def _read(self):
        try:
            for line in self._stream:
                message = json.loads(line)
                if "event" in message:
                    self.events.append((time.monotonic(), message["event"], message.get("data", {})))
                else:
                    self._answers.append(message)
        except (OSError, ValueError):
            pass  # closed
        self._answers.end("the hypervisor has ended")
        self.events.end("the hypervisor has ended")

    def do(self, command, **arguments):
        mark = self._answers.mark()
        order = {"execute": command}
        if arguments:
            order["arguments"] = arguments
        self._stream.write(json.dumps(order) + "\n")
        self._stream.flush()
        answer = self._answers.find(lambda _: True, 60, f"the answer to {command}", mark)
        if "error" in answer:
            raise RuntimeError(f"{command}: {answer['error']['desc']}")
        return answer["return"]

    def await_event(self, name, timeout=60, since=0, **data):
        """When an event came that has at least this data."""
        return self.events.find(
            lambda event: event[1] == name and data.items() <= event[2].items(), timeout, name, since)[0]

    def close(self):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
