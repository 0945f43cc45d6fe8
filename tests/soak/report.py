# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes what a soak has shown, for machines and for people."""

import json
import statistics


def pauses(soak, name):
    """Median and most of a pause, in ms."""
    values = [result[name] for result in soak.results]
    return (statistics.median(values), max(values)) if values else (0, 0)


def write_json(soak, judged, path):
    content = {
        "passed": not soak.failures,
        "failures": soak.failures,
        "migrations": len(soak.results),
        "keys": len(soak.typist.text),
        "keys_repeated_by_the_guest": soak.guest.repeats(soak.begin),
        "longest_key_hold_ms": soak.guest.longest_hold_ms(soak.begin),
        "clicks": soak.mover.clicks,
        "pointer_moves": soak.mover.moves,
        "series": [{"who": series.who, "what": series.what, "values": series.values}
                   for series in soak.record.series.values()],
        "trends": [{"who": series.who, "what": series.what, "per_100": line.slope, "low": line.low,
                    "high": line.high, "limit": series.limit, "verdict": verdict}
                   for series, line, verdict in judged],
        "results": soak.results,
    }
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def table(judged):
    yield "| who | what | at the end of the warm-up | at the end | in 100 moves | 99 % surely within | limit | |"
    yield "|---|---|--:|--:|--:|--:|--:|---|"
    for series, line, verdict in judged:
        text = series.text
        yield (f"| {series.who} | {series.what} | {text(line.begin)} | {text(line.end)} | {text(line.slope, True)} "
               f"| {text(line.low, True)} to {text(line.high, True)} | {text(series.limit)} | {verdict} |")


def write_markdown(soak, judged, title, path):
    domain_r, user_vm = pauses(soak, "domain_r_pause_ms"), pauses(soak, "user_vm_pause_ms")
    lines = [
        f"# {title}", "",
        f"{len(soak.typist.text)} keys, {soak.mover.clicks} clicks and {soak.mover.moves} moves of the pointer "
        f"were sent meanwhile. The guest saw a key held for {soak.guest.longest_hold_ms(soak.begin):.0f} ms at most and "
        f"has repeated {soak.guest.repeats(soak.begin)} by itself.",
        f"Domain R paused for {domain_r[0]:.0f} ms (median), {domain_r[1]:.0f} ms at most; the user VM for "
        f"{user_vm[0]:.0f} ms, {user_vm[1]:.0f} ms at most.", "",
        *(f"* FAILED: {failure}" for failure in soak.failures),
        *([] if soak.failures else ["All input arrived, once and in order; one TCP connection; the screens are "
                                    "identical; nothing grows."]), "",
        *table(judged), "",
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
