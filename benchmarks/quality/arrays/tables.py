"""What the result says of the rows: the tables, the caption and the picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.quality import rooms, tables

from .conditions import ROOMS, SNRS
from .rows import BLIND, FEWER, LEVEL, MINE, ROWS

NAME = "quality-arrays"
TITLE = "Arrays of two to eight microphones, two and three sources"
GROUPS = ((2, 2), (4, 2), (8, 2), (2, 3))  # microphones and sources


def values(result: dict[str, Any], row: str, score: str = "sdr", **where: Any) -> list[float]:
    """One score of the talker, for each mixture where the facts are as given and the row was measured."""
    found = []
    for entry in result["mixtures"]:
        if row in entry["scores"] and _agrees(entry["facts"], where):
            one = entry["scores"][row].get(score)
            if one is not None:
                found.append(float(one[0] if isinstance(one, list) else one))
    return found


def _agrees(facts: dict[str, Any], where: dict[str, Any]) -> bool:
    """Whether a mixture's facts are as wanted: a value, or a range (from, to)."""
    return all(
        wanted[0] <= facts[key] <= wanted[1] if isinstance(wanted, tuple) else facts[key] == wanted
        for key, wanted in where.items()
        if key in facts
    )


def table(result: dict[str, Any]) -> str:
    """The Markdown tables: by microphones and sources, then by SNR and by reverberation."""
    columns = [*(f"{i} × {j}" for i, j in GROUPS), "recorded"]
    header = ["speech SDR", *columns, "all", "SIR", "ISR", "SAR", "PESQ", "STOI", "seconds"]
    rows = []
    for name in ROWS:
        groups = _by_group(result, name)
        if not any(groups):
            continue
        cells = [f"**{name}**" if name == MINE else name, *groups]
        complete = _cell(result, name) != ""
        sdr = values(result, name)
        cells.append(f"{np.mean(sdr):.1f} ± {tables.standard_error(sdr):.1f}" if complete else "")
        for score, digits in (("sir", 1), ("isr", 1), ("sar", 1), ("pesq", 2), ("stoi", 2)):
            cells.append(_mean(values(result, name, score), digits) if complete else "")
        cells.append(_mean(values(result, name, "seconds")))
        rows.append(cells)
    simulated = [entry["facts"] for entry in result["mixtures"] if not entry["facts"]["recorded"]]
    levels = sorted({fact["snr_db"] for fact in simulated})
    header2 = [
        "speech SDR",
        *(f"{level:+g} dB" for level in levels),
        *(f"RT60 {low:g}…{high:g} s" for low, high in ROOMS),
    ]
    rows2 = [
        [name]
        + [_cell(result, name, recorded=False, snr_db=level) for level in levels]
        + [_cell(result, name, recorded=False, rt60_s=reverberation) for reverberation in ROOMS]
        for name in (MINE, "FastMNMF2, 2048", "mixture", "oracle Wiener filter")
    ]
    return tables.markdown(header, rows) + "\n\n" + tables.markdown(header2, rows2)


def headline(result: dict[str, Any]) -> str:
    """A few rows."""
    shown = (MINE, "FastMNMF2, 2048", "ILRMA", "AuxIVA", "mixture", "oracle Wiener filter")
    header = ["speech SDR, dB: microphones × sources", *(f"{i} × {j}" for i, j in GROUPS), "recorded"]
    return tables.markdown(header, [[name, *_by_group(result, name)] for name in shown])


def _by_group(result: dict[str, Any], name: str) -> list[str]:
    groups = [{"channels": i, "sources": j, "recorded": False} for i, j in GROUPS]
    return [_cell(result, name, **group) for group in [*groups, {"recorded": True}]]


def _cell(result: dict[str, Any], row: str, **where: Any) -> str:
    """Mean speech SDR of the mixtures where the facts are as given; nothing unless all of them were measured."""
    found = values(result, row, **where)
    return _mean(found) if len(found) == sum(_agrees(entry["facts"], where) for entry in result["mixtures"]) else ""


def caption(result: dict[str, Any]) -> str:
    """What the table shows, and where the default is ahead."""
    facts = [entry["facts"] for entry in result["mixtures"]]
    ahead = []
    for peer in ("FastMNMF2, 2048", "ILRMA", "AuxIVA", "GaussMNMF"):
        both = [e["scores"] for e in result["mixtures"] if peer in e["scores"] and MINE in e["scores"]]
        if len(both) > 2:
            pair = ([one[row]["sdr"][0] for one in both] for row in (MINE, peer))
            ahead.append(f"{peer} {tables.verdict(*pair)} on {len(both)}")
    rt60 = [fact["rt60_s"] for fact in facts if not fact["recorded"]]
    groups = [sum(f["channels"] == i and f["sources"] == j and not f["recorded"] for f in facts) for i, j in GROUPS]
    sentences = (
        f"{len(rt60)} simulated recordings of {rooms.SECONDS:.0f} s by microphones × sources"
        f" ({', '.join(map(str, groups))}), and",
        f"{len(facts) - len(rt60)} recorded ones: a real array of four in unknown places, measured binaural rooms.",
        "± standard error.",
        f"Speech at {min(f['snr_db'] for f in facts):+g}…{max(f['snr_db'] for f in facts):+g} dB in diffuse noise;",
        "with three sources, another sound from one direction besides.",
        f"RT60 {min(rt60):.2f}…{max(rt60):.2f} s; pair 8.6 cm apart, circles of 5 cm (4) and 10 cm (8) radius.",
        "Examples are of other talkers, noises and clips.",
        "Scores are museval v4 image scores in dB, at the first two microphones.",
        "Blind estimates are assigned by the truth. A cell has a value if all of its recordings were measured;",
        "ILRMA and AuxIVA need as many microphones as sources.",
        "The second table is of the simulated ones, by SNR"
        f" ({_least(facts, [{'snr_db': level} for level in SNRS])} or more each) and by reverberation"
        f" ({_least(facts, [{'rt60_s': each} for each in ROOMS])} or more).",
        f"The default above each of these, on so many of the recordings: {'; '.join(ahead)};",
        "undecided within two standard errors.",
        f"FastMNMF2 ran {FEWER} iterations for eight microphones (its default), 100 otherwise.",
        f"Seconds are of processor time, one thread: {result['machine']['cpu']}, {result['date']}.",
    )
    return " ".join(sentences)


def _least(facts: Sequence[dict[str, Any]], groups: Sequence[dict[str, Any]]) -> int:
    """How many simulated recordings the smallest group has."""
    return min(sum(_agrees(one, {**group, "recorded": False}) for one in facts) for group in groups)


def draw(result: dict[str, Any]) -> None:
    """The picture: speech SDR of every row."""
    shown = [row for row in ROWS if len(values(result, row)) == len(result["mixtures"])]
    colours = ["#937860" if row in BLIND else "#bbbbbb" if row in LEVEL else "#8fa8cc" for row in shown]
    colours[0] = "#2f5c9e"
    tables.bars(
        tables.PICTURES / f"{NAME}.png",
        shown,
        [values(result, row) for row in shown],
        colours,
        "speech image SDR, dB (bar: mean, whisker: its standard error, dots: recordings)",
    )


def _mean(numbers: Sequence[float], digits: int = 1) -> str:
    """Mean; scores above 100 dB (an estimate without that error) count as 100."""
    return f"{np.mean(np.minimum(numbers, 100.0)):.{digits}f}" if numbers else ""
