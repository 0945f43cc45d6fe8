# SPDX-License-Identifier: GPL-2.0-or-later
"""Pictures: read, compare, write. PNG files go through ImageMagick."""

import shutil
import subprocess


def imagemagick():
    """Version 7 calls its program magick, and convert is its old name."""
    return shutil.which("magick") or "convert"


class Picture:
    """width, height, and the pixels: three bytes each, red, green, blue."""

    def __init__(self, width, height, pixels):
        self.width, self.height, self.pixels = width, height, pixels

    def __eq__(self, other):
        return (self.width, self.height, self.pixels) == (other.width, other.height, other.pixels)

    def __repr__(self):
        return f"<Picture {self.width}x{self.height}>"

    @classmethod
    def parse_ppm(cls, data):
        magic, width, height, depth, rest = data.split(None, 4) if data[:2] == b"P6" else [b""] * 5
        if magic != b"P6" or depth != b"255":
            raise ValueError("no binary PPM file with 8 bits a colour")
        width, height = int(width), int(height)
        # One white space ends the head; split() would have eaten pixels that look like white space.
        pixels = data[len(data) - width * height * 3:]
        if len(pixels) != width * height * 3 or len(rest) > len(pixels):
            raise ValueError("the PPM file is cut off")
        return cls(width, height, pixels)

    @classmethod
    def read_ppm(cls, path):
        with open(path, "rb") as file:
            return cls.parse_ppm(file.read())

    @classmethod
    def read_png(cls, path):
        result = subprocess.run([imagemagick(), str(path), "-depth", "8", "ppm:-"], check=True,
                                stdout=subprocess.PIPE)
        return cls.parse_ppm(result.stdout)

    def write_ppm(self, path):
        with open(path, "wb") as file:
            file.write(b"P6\n%d %d\n255\n" % (self.width, self.height) + self.pixels)

    def write_png(self, path):
        subprocess.run([imagemagick(), "ppm:-", f"png:{path}"], check=True,
                       input=b"P6\n%d %d\n255\n" % (self.width, self.height) + self.pixels)

    def colours(self, limit=3):
        """How many colours there are, counted up to `limit`: one means an empty picture."""
        seen = set()
        for at in range(0, len(self.pixels), 3):
            seen.add(self.pixels[at:at + 3])
            if len(seen) >= limit:
                break
        return len(seen)

    def differences(self, other):
        """How many pixels differ; a sentence for a failed comparison."""
        if (self.width, self.height) != (other.width, other.height):
            return f"{self.width}x{self.height} against {other.width}x{other.height}"
        count = sum(self.pixels[at:at + 3] != other.pixels[at:at + 3] for at in range(0, len(self.pixels), 3))
        return f"{count} of {self.width * self.height} pixels differ"
