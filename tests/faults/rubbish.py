# SPDX-License-Identifier: GPL-2.0-or-later
"""Domain R writes rubbish into the region (doc/region.md has the layout), in the midst of a co-migration and before it.

It is written here, into the file that is the region: the same memory. What Domain R gains by it is a wrong
picture or a broken stream of its own console; the host lives, and says what is wrong.
"""

import mmap
import random
import struct

from .row import BUSY, DESTINATION, DONE, EITHER, FAILED, PEER, REPLACED, SOURCE, Expected, Row

RING_SIZE = 0x11000
PARTS = {  # (offset, size)
    "header": (0, 32),
    "status": (0x1000, 20 + 128 + 512),  # but for the streams' generations, which would begin them anew
    "notice": (0x2000, 4),
    "settings": (0x10000, 0x30000),
    "damage": (0x101000, 0x8000),
    "cursor": (0x140000, 0x41000),
    "pixels": (0x200000, 0x100000),
}
GEOMETRY = 0x100000
KEYBOARD, POINTER = 0x40000, 0x80000
HEAD, TAIL = 0, 64
SEED = 20131103


def region(scene):
    with open(scene.source.pair_files(scene.pair.name) / "region", "r+b") as file:
        return mmap.mmap(file.fileno(), 0)


def fill(part):
    def act(scene):
        offset, size = PARTS[part]
        with region(scene) as memory:
            memory[offset:offset + size] = random.Random(SEED).randbytes(size)

    return act


def lie_about_size(scene):
    """A screen of a size that no region has room for."""
    with region(scene) as memory:
        scene.geometry = memory[GEOMETRY:GEOMETRY + 12]
        memory[GEOMETRY + 4:GEOMETRY + 12] = struct.pack("=II", 0xffffffff, 0x7fffffff)


def tell_size(scene):
    """The source's Domain R, if the pair is still there, puts right what it has done."""
    if scene.status(scene.source)["state"] == "running":
        with region(scene) as memory:
            memory[GEOMETRY:GEOMETRY + 12] = scene.geometry


def break_ring(stream, ring, index):
    """ring: 0 to the user VM, 1 from it"""
    def act(scene):
        at = stream + ring * RING_SIZE + index
        with region(scene) as memory:
            value, = struct.unpack_from("=I", memory, at)
            struct.pack_into("=I", memory, at, (value + 0x40000000) % 2**32)

    return act


# Domain R is replaced because it has damaged a stream, and a pair does not move meanwhile.
BROKEN = Expected(SOURCE, (FAILED, BUSY), **REPLACED)


def rows():
    for part in PARTS:
        for moment in ("pre-copy", "handover"):
            yield Row(f"Domain R writes rubbish: {part}", moment, Expected(DESTINATION, (DONE,)), inject=fill(part))
    yield Row("Domain R writes rubbish: size of the screen", "handover", Expected(EITHER, (DONE, FAILED, PEER)),
              inject=lie_about_size, mend=tell_size)
    # While Domain R runs it soon writes its true index over the lie, if that is one that it often writes.
    for words, stream in (("keyboard", KEYBOARD), ("pointer", POINTER)):
        yield Row(f"Domain R writes rubbish: head of the ring from the {words}", "handover", BROKEN,
                  inject=break_ring(stream, 0, HEAD))
        yield Row(f"Domain R writes rubbish: tail of the ring to the {words}", "pre-copy", BROKEN,
                  inject=break_ring(stream, 1, TAIL))
        yield Row(f"Domain R has written rubbish: tail of the ring to the {words}", None, BROKEN,
                  arrange=break_ring(stream, 1, TAIL))
