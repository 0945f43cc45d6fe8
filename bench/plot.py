# SPDX-License-Identifier: GPL-2.0-or-later
"""Pictures of results, by matplotlib. A result remembers how its picture is drawn until it is written."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as pyplot  # noqa: E402

COLOURS = ["#1f5f99", "#d9822b", "#7a8b99", "#5b8c3a"]
DPI = 72


def colour_of(systems):
    return dict(zip(systems, COLOURS * len(systems)))


def ordered(values):
    return list(dict.fromkeys(values))


def save(figure, path):
    figure.tight_layout()
    figure.savefig(path, dpi=DPI)
    pyplot.close(figure)


def distributions(result, label):
    """A panel for each kind of sample; in it, for each system, which part of the samples is below."""
    def draw(path):
        kinds = ordered(what for _, what, _ in result.samples)
        systems = ordered(system for system, _, _ in result.samples)
        figure, panels = pyplot.subplots(1, len(kinds), figsize=(4.2 * len(kinds), 3.2), sharey=True, squeeze=False)
        for panel, what in zip(panels[0], kinds):
            for system, colour in colour_of(systems).items():
                values = sorted(value for value in result.of(system, what) if value is not None)
                if values:
                    parts = [(place + 1) / len(values) for place in range(len(values))]
                    panel.step(values, parts, where="post", color=colour, label=system)
            panel.set_xscale("log")
            panel.set_title(what, fontsize=10)
            panel.set_xlabel(label)
            panel.grid(alpha=0.3)
        panels[0][0].set_ylabel("part of the samples")
        panels[0][0].legend(fontsize=8)
        save(figure, path)
    result.draw = draw


def bars(result, label, value, log=False, kinds=None):
    """Groups of bars: a group for each kind of sample, a bar for each system, as high as value(samples)."""
    def draw(path):
        nonlocal kinds
        kinds = kinds or ordered(what for _, what, _ in result.samples)
        systems = ordered(system for system, _, _ in result.samples)
        figure, panel = pyplot.subplots(figsize=(max(4.5, 0.5 * len(kinds) * len(systems) + 2), 3.4))
        width = 0.8 / len(systems)
        for number, (system, colour) in enumerate(colour_of(systems).items()):
            places = [place + number * width for place in range(len(kinds))]
            heights = [value(result.of(system, what)) if result.of(system, what) else 0 for what in kinds]
            panel.bar(places, heights, width, color=colour, label=system)
        if log:
            panel.set_yscale("log")
        panel.set_xticks([place + width * (len(systems) - 1) / 2 for place in range(len(kinds))], kinds, fontsize=8,
                         rotation=20 if len(kinds) > 4 else 0)
        panel.set_ylabel(label)
        panel.grid(axis="y", alpha=0.3)
        panel.legend(fontsize=8)
        save(figure, path)
    result.draw = draw
