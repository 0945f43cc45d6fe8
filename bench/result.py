# SPDX-License-Identifier: GPL-2.0-or-later
"""What a measure has found: tables, whether aims are reached, samples; and how that is kept."""

import csv
import json

from .figures import number


class Result:
    def __init__(self, name, title):
        self.name, self.title = name, title
        self.tables = []
        self.aims = []
        self.notes = []
        self.headline = ""  # one sentence for the README
        self.samples = []  # (system, what, value)
        self.draw = None  # draw(path) makes the picture, see plot.py

    def table(self, columns, rows):
        self.tables.append({"columns": columns, "rows": [[number(cell) for cell in row] for row in rows]})

    def aim(self, text, value, limit, unit=""):
        """An aim of the form "at most": `value` against `limit`."""
        self.aims.append({"text": text, "value": value, "limit": limit, "unit": unit, "met": value <= limit})

    def note(self, text):
        self.notes.append(text)

    def sample(self, system, what, values):
        self.samples += [(system, what, value) for value in values]

    def of(self, system, what):
        return [value for owner, kind, value in self.samples if (owner, kind) == (system, what)]

    # Kept

    def write(self, directory):
        with open(directory / f"{self.name}.csv", "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(("system", "what", "value"))
            writer.writerows(self.samples)
        if self.draw:
            self.draw(directory / f"{self.name}.png")
        kept = {key: getattr(self, key) for key in ("name", "title", "tables", "aims", "notes", "headline")}
        (directory / f"{self.name}.json").write_text(json.dumps(kept, indent=1) + "\n")
        (directory / f"{self.name}.md").write_text(f"## {self.title}\n\n{self.markdown()}\n")

    @classmethod
    def read(cls, path):
        result = cls(path.stem, "")
        vars(result).update(json.loads(path.read_text()))
        return result

    # Shown

    def markdown(self):
        parts = []
        for table in self.tables:
            lines = [table["columns"], ["---"] + ["---:"] * (len(table["columns"]) - 1), *table["rows"]]
            parts.append("\n".join(f"| {' | '.join(line)} |" for line in lines))
        if self.aims:
            parts.append("\n".join(
                f"* {aim['text']}: {number(aim['value'])}{aim['unit']}, aim at most "
                f"{number(aim['limit'])}{aim['unit']}: **{'reached' if aim['met'] else 'not reached'}**"
                for aim in self.aims))
        parts += self.notes
        return "\n\n".join(parts)
