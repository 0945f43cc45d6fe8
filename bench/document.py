# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes results into doc/performance.md, between marks; the words around them are people's."""

import json
import pathlib
import re
import shutil

from .result import Result

DOC = pathlib.Path(__file__).resolve().parents[1] / "doc"
PAGE = DOC / "performance.md"
PICTURES = DOC / "performance"


def replace(text, name, content):
    """The text with `content` between the marks of that name."""
    begin, end = f"<!-- bench {name} -->", f"<!-- end {name} -->"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if not pattern.search(text):
        raise SystemExit(f"{PAGE}: there is no place for {name}: {begin} ... {end}")
    return pattern.sub(lambda _: f"{begin}\n{content}\n{end}", text)


def rewrite(output):
    text = PAGE.read_text()
    machine = json.loads((output / "machine.json").read_text())
    text = replace(text, "machine", "\n".join(f"| {key} | {value} |" for key, value in
                                              [("machine", ""), ("---", "---"), *machine.items()]))
    for path in sorted(output.glob("*.json")):
        if path.stem == "machine":
            continue
        result = Result.read(path)
        content = result.markdown()
        picture = path.with_suffix(".png")
        if picture.exists():
            PICTURES.mkdir(exist_ok=True)
            shutil.copy(picture, PICTURES / picture.name)
            content += f"\n\n![{result.title}]({PICTURES.name}/{picture.name})"
        text = replace(text, result.name, content)
    PAGE.write_text(text)
