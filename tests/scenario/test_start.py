# SPDX-License-Identifier: GPL-2.0-or-later
"""A pair whose Domain R takes for ever to start can be taken down meanwhile, and leaves nothing."""

import hashlib
import json
import re
import shutil
import signal
import subprocess
import time

import pytest

from conftest import sanitized_only
from lab import CommandFailed, Pair
from lab.pair import dmore

pytestmark = sanitized_only

NOT_FOUND, CANCELLED = 4, 7  # dmore's exit statuses, src/base/error.h


@pytest.fixture(scope="module")
def endless(lab):
    """Host a with an image for Domain R that is another system: its console never comes up."""
    image = lab.directory / "endless-image"
    image.mkdir()
    shutil.copy(lab.tools.image / "vmlinuz", image / "vmlinuz")
    shutil.copy(lab.build_guest() / "initrd.gz", image / "initrd")
    content = (image / "vmlinuz").read_bytes() + (image / "initrd").read_bytes()
    (image / "image.json").write_text(json.dumps({"id": hashlib.sha256(content).hexdigest()}))
    lab.a.write_config(image=image)
    yield lab.a
    lab.a.write_config()


class Start:
    """`dmore up` of a pair on a host, under way."""

    def __init__(self, lab, host):
        self.host = host
        self.pair = Pair(lab, "endless", 90, user_vm={"memory": "64M"})
        self.pair.host = host
        self.before = self.state()
        self.process = subprocess.Popen(host.dmore("up", self.pair.file), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def state(self):
        links = re.findall(r"^\d+: (\S+?)[@:]", self.host.run("ip", "link"), re.MULTILINE)
        return self.host.pair_processes(), sorted(self.host.run_dir.glob("endless*")), links

    def await_domain_r(self, timeout=60):
        """Until Domain R runs; nobody tells."""
        deadline = time.monotonic() + timeout
        while True:
            assert time.monotonic() < deadline and self.process.poll() is None
            try:
                status = self.pair.status()
            except CommandFailed:
                continue  # it has not begun
            if status["state"] in ("not-running", "unreachable"):
                continue  # its dmore-pair has not, or does not listen yet
            assert status["state"] == "starting"
            if status["domain_r"]["state"] == "running":
                return

    def end(self):
        """However the test went."""
        if self.process.poll() is None:
            self.process.terminate()
        self.process.communicate(timeout=60)

    def check_end(self):
        """`dmore up` says what has happened, and nothing of the pair is on the host."""
        _, message = self.process.communicate(timeout=60)
        assert self.process.returncode == CANCELLED, message
        assert self.state() == self.before
        return message


@pytest.fixture
def start(lab, endless):
    start = Start(lab, endless)
    yield start
    start.end()


def test_interrupted_at_the_keyboard(start):
    start.await_domain_r()
    start.process.send_signal(signal.SIGINT)
    assert "interrupted" in start.check_end()


def test_interrupted_at_once(endless, start):
    """Before anything of the pair can be seen."""
    while not (endless.run_dir / "endless").exists():
        assert start.process.poll() is None
    start.process.send_signal(signal.SIGTERM)
    assert "interrupted" in start.check_end()


def test_taken_down(lab, endless, start):
    start.await_domain_r()
    with pytest.raises(CommandFailed, match="starting"):
        start.pair.dmore("migrate", "endless", lab.b.address)
    start.pair.dmore("down", "endless")
    start.check_end()
    with pytest.raises(CommandFailed) as failure:
        dmore(endless, "status", "endless")
    assert failure.value.status == NOT_FOUND
