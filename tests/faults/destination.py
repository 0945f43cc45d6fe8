# SPDX-License-Identifier: GPL-2.0-or-later
"""A destination that cannot take the pair: no memory, no disk image, another QEMU or image, somebody
else on its port, the name taken."""

import contextlib
import hashlib
import pathlib
import re
import resource
import shutil
import subprocess

from lab import Pair, processes

from .look import DMORE_PAIR, USER_VM
from .row import BUSY, DESTINATION, DONE, FAILED, HOST, PEER, SOURCE, TIMEOUT, Expected, Row


def back_to_normal(scene):
    scene.destination.write_config()
    scene.start_dmored(scene.destination)


# Memory

def limit_memory(scene):
    """What dmore-pair starts from now on finds no more address space than it itself takes, and 100 MB."""
    pid = scene.process(scene.destination, DMORE_PAIR)
    pages = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + (100 << 20)
    resource.prlimit(pid, resource.RLIMIT_AS, (limit, limit))


# Disk image

def hide_disk(scene):
    scene.destination.stop_dmored()
    scene.destination.start_dmored(scene.lab.environment, hide=scene.disk.parent)


@contextlib.contextmanager
def image_opened(scene):
    """Somebody on the destination has opened the disk image, with QEMU's own locks. Between the moment in
    which the source's QEMU has let it go and the destination's takes it, anybody can."""
    words = scene.destination.command(["qemu-io", "-f", "raw", scene.disk])
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            said = b""
            while b"qemu-io> " not in said:
                byte = process.stdout.read(1)
                if not byte:
                    raise RuntimeError(f"qemu-io has not opened the image: {said.decode()}")
                said += byte
            yield process
        finally:
            process.kill()


def lock_disk(scene):
    scene.locker = scene.enter(image_opened(scene))
    scene.refused = scene.process(scene.destination, USER_VM)


def unlock_disk_when_refused(scene):
    processes.await_end(scene.refused)
    processes.kill(scene.locker.pid)


def unlock_disk_and_resolve(scene):
    """Until then it is locked for the source, too."""
    scene.await_state(scene.source, "undecided")
    processes.kill(scene.locker.pid)
    scene.resolve(scene.source)


# QEMU. One that is another version only in what it says of itself when it is asked what it can do; what
# it then runs is the real one.

INTERVIEWED = """#!/bin/bash
set -o pipefail
case " $* " in
*" -machine none "* | *" -machine help "*) {qemu} "$@" | sed -e '{change}' ;;
*) exec {qemu} "$@" ;;
esac
"""


def use_qemu(change):
    def arrange(scene):
        path = scene.lab.directory / "other-qemu"
        path.write_text(INTERVIEWED.format(qemu=scene.lab.lives.qemu, change=change))
        path.chmod(0o755)
        scene.destination.write_config(qemu=path)
        scene.start_dmored(scene.destination)

    return arrange


# Domain R's image

def use_other_image(scene):
    """The same, and half a kilobyte of nothing at its end: another id."""
    real, image = scene.lab.tools.image, scene.lab.directory / "other-image"
    shutil.rmtree(image, ignore_errors=True)
    shutil.copytree(real, image, ignore=shutil.ignore_patterns("domr", "log"))
    with open(image / "initrd", "ab") as file:
        file.write(b"\0" * 512)
    content = (image / "vmlinuz").read_bytes() + (image / "initrd").read_bytes()
    description = (image / "image.json").read_text()
    (image / "image.json").write_text(
        re.sub(r'"id": "[0-9a-f]+"', f'"id": "{hashlib.sha256(content).hexdigest()}"', description))
    scene.destination.write_config(image=image)
    scene.start_dmored(scene.destination)


# Port

SOMEBODY_ELSE = """
import socketserver, sys
class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        {answer}
        while self.request.recv(4096):
            pass
socketserver.TCPServer.allow_reuse_address = True
with socketserver.TCPServer((sys.argv[1], 7643), Handler) as server:
    print("listens", flush=True)
    server.serve_forever()
"""


@contextlib.contextmanager
def somebody_else_listens(scene, answer):
    scene.destination.stop_dmored()
    words = scene.destination.command(["/usr/bin/python3", "-c", SOMEBODY_ELSE.format(answer=answer),
                                       scene.destination.address])
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            if process.stdout.readline() != b"listens\n":
                raise RuntimeError("the port is not free")
            yield
        finally:
            process.kill()
            process.wait()


def take_port(answer):
    def arrange(scene):
        scene.listener = contextlib.ExitStack()
        scene.listener.enter_context(somebody_else_listens(scene, answer))
        scene.enter(scene.listener)

    return arrange


def give_port_back(scene):
    scene.listener.close()
    scene.start_dmored(scene.destination)


# The name

def take_name(scene):
    """Another pair of that name is on the destination; its user VM never gets beyond its firmware. The hardware address
    of its Domain R, which follows from the name if nobody says another, must be its own, or the switch takes the one for
    the other."""
    scene.namesake = Pair(scene.lab, scene.pair.name, 99, user_vm={"memory": "64M"},
                          domain_r={"address": "10.77.0.99/24", "mac": "52:54:00:00:00:99"})
    scene.namesake.file = scene.lab.directory / "namesake.conf"
    scene.namesake.write()
    scene.namesake.up(scene.destination)


def give_name_back(scene):
    scene.namesake.down()
    scene.lab.lives.pardon(scene.pair.name)


def rows():
    def refused(fault, status, arrange, mend=back_to_normal, quick=False):
        return Row(fault, None, Expected(SOURCE, status), arrange=arrange, mend=mend, quick=quick)

    yield Row("the destination is out of memory (limit on its address space)", "prepare",
              Expected(SOURCE, (FAILED, HOST, PEER)), inject=limit_memory, quick=True)
    yield refused("the destination has no disk image", (HOST,), hide_disk)
    yield Row("the destination's disk image is locked by somebody else, until it is refused", "commit",
              Expected(SOURCE, (HOST,)), inject=lock_disk, meanwhile=unlock_disk_when_refused)
    yield Row("the disk image is locked by somebody else, until an operator resolves", "commit",
              Expected(SOURCE, (HOST,)), inject=lock_disk, mend=unlock_disk_and_resolve)
    yield refused("the destination's QEMU is older than 10.0", (HOST,), use_qemu('s/"major": 10/"major": 9/'))
    yield refused("the destination's QEMU does not know the machine type", (HOST,),
                  use_qemu("/^pc-q35-1/d"))
    yield Row("the destination's QEMU is a newer version", None, Expected(DESTINATION, (DONE,)),
              arrange=use_qemu('s/"minor": [0-9]*/"minor": 99/'), mend=back_to_normal)
    yield refused("the destination has another image of Domain R", (HOST,), use_other_image)
    yield refused("another program has the destination's port, and says something else", (PEER, FAILED),
                  take_port('self.request.sendall(b"HTTP/1.0 400 Bad Request\\r\\n\\r\\n")'), give_port_back)
    yield refused("another program has the destination's port, and says nothing", (TIMEOUT, PEER), take_port("pass"),
                  give_port_back)
    yield refused("the destination refuses: it has a pair of that name", (BUSY,), take_name, give_name_back)
