# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes results into doc/performance.md and the README, between marks; the words around them are people's."""

import json
import pathlib
import re
import shutil

from .result import Result

ROOT = pathlib.Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
PAGE = ROOT / "doc" / "performance.md"
PICTURES = ROOT / "doc" / "performance"


def replace(text, name, content):
    """The text with `content` between the marks of that name."""
    begin, end = f"<!-- bench {name} -->", f"<!-- end {name} -->"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if not pattern.search(text):
        raise SystemExit(f"there is no place for {name}: {begin} ... {end}")
    return pattern.sub(lambda _: f"{begin}\n{content}\n{end}", text)


def rewrite_readme(results):
    """What a user would ask for first."""
    headlines = [f"* {result.headline}" for result in results if result.headline]
    README.write_text(replace(README.read_text(), "figures", "\n".join(headlines)))


def rewrite(output):
    text = PAGE.read_text()
    machine = json.loads((output / "machine.json").read_text())
    text = replace(text, "machine", "\n".join(f"| {key} | {value} |" for key, value in
                                              [("machine", ""), ("---", "---"), *machine.items()]))
    paths = [path for path in sorted(output.glob("*.json")) if path.stem != "machine"]
    results = [Result.read(path) for path in paths]
    for path, result in zip(paths, results):
        content = result.markdown()
        picture = path.with_suffix(".png")
        if picture.exists():
            PICTURES.mkdir(exist_ok=True)
            shutil.copy(picture, PICTURES / picture.name)
            content += f"\n\n![{result.title}]({PICTURES.name}/{picture.name})"
        text = replace(text, result.name, content)
    PAGE.write_text(text)
    rewrite_readme(results)
