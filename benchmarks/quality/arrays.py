"""Arrays of 2 to 8 microphones and mixtures of three sources: what users get, peers, and both ends of the scale.

    python -m benchmarks.quality.arrays [--mixtures N] [--only ROW] [--again] [--seed S]
    python -m benchmarks.quality.arrays --show         table, caption and picture from the kept result

Every row is measured as `avfront separate` runs it: its settings, its start, its dictionaries. Results are kept row
by row, so that an interrupted run goes on where it was, and a row can be measured anew (`--only ROW --again`).
Scores: museval v4 image scores at the first two microphones, over whole recordings; PESQ (wide band) and STOI of the
talker at the first microphone, where the packages pesq and pystoi are installed.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import ours, peers, recordings, rooms, scores, tables

Array = NDArray[Any]
NAME = "quality-arrays"
TITLE = "Arrays of two to eight microphones, two and three sources"
ARRAYS = {  # metres
    2: rooms.microphones(),
    4: 0.05 * np.array([[1.0, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0]]),
    8: np.stack([0.1 * np.array([np.cos(a), np.sin(a), 0]) for a in np.arange(8) * np.pi / 4]),
}
SNRS = (12.0, 5.0, 0.0, -5.0, -11.0, -17.0)
GROUPS = ((2, 2), (4, 2), (8, 2), (2, 3))  # microphones and sources
ROOMS = ((0.15, 0.3), (0.3, 0.45), (0.45, 0.6))  # s, RT60


def ours_at(geometry: bool = True, **options: Any) -> Callable[[rooms.Mixture, int], Array]:
    """The spatial method with these settings; where the microphones of a recorded array are, nobody tells."""

    def run(mixture: rooms.Mixture, channels: int) -> Array:
        known = geometry and not mixture.facts.get("recorded")
        return ours.product(mixture, ARRAYS[channels] if known else None, **options)

    return run


MINE, PLACELESS = "nmfcore default", "geometry unknown"
ROWS: dict[str, Callable[[rooms.Mixture, int], Array]] = {
    MINE: ours_at(),
    "one fit": ours_at(fits=1),
    PLACELESS: ours_at(geometry=False),
    "jointly diagonal": ours_at(covariance="diagonal"),
    "GSSM + SV separation": ours_at(variance_model="separation"),
    "GSSM + SV denoising": ours_at(variance_model="denoising"),
    "NMF baseline": ours_at(variance_model="nmf"),
    "FastMNMF2, 2048": lambda m, channels: peers.fastmnmf2(
        m.mix, 2048, 2, n_iter=100 if channels <= 4 else FEWER, n_src=len(m.images)
    ),
    "ILRMA": lambda m, _: peers.ilrma(m.mix),
    "AuxIVA": lambda m, _: peers.auxiva(m.mix),
    "GaussMNMF": lambda m, _: peers.gaussmnmf(m.mix, n_src=len(m.images)),
    "mixture": lambda m, _: np.stack([m.mix] * len(m.images)),
    "oracle Wiener filter": lambda m, _: peers.oracle(m.images),
}
BLIND = ("NMF baseline", "FastMNMF2, 2048", "ILRMA", "AuxIVA", "GaussMNMF")
DETERMINED = ("ILRMA", "AuxIVA")  # as many outputs as microphones, and never fewer microphones than sources
SLOW = ("GaussMNMF",)  # a minute for a recording of two channels: measured with --only
FEWER = 30  # iterations of FastMNMF2 for eight channels, for the same reason (and its own default)
LEVEL = ("mixture", "oracle Wiener filter")


def conditions() -> list[dict[str, Any]]:
    """Channels, sources, SNR and reverberation, in an order in which any first few are varied.

    The first 18 have each SNR three times and each range of reverberation six times.
    """
    crossed = [
        {
            "channels": channels,
            "sources": sources,
            "snr": SNRS[(2 * i + k + 2 * (i // 4)) % len(SNRS)],
            "rt60": ROOMS[(i + k) % len(ROOMS)],
        }
        for i, k in itertools.product(range(6), range(4))
        for channels, sources in (((2, 2), (4, 2), (2, 3), (8, 2))[k],)
    ]
    return crossed


def mixtures(count: int, seed: int) -> Iterator[rooms.Mixture]:
    """So many simulated recordings, then those made of what real microphones and rooms have recorded."""
    for index, condition in enumerate(conditions()[:count]):
        yield rooms.array_mixture(index, seed, array=ARRAYS[condition["channels"]], **condition)
    for index, (kind, snr) in enumerate(itertools.product(("array", "head"), (5.0, -5.0))):
        yield rooms.recorded_mixture(kind, snr, index, seed)


def measure(count: int, seed: int, only: Sequence[str], again: bool) -> dict[str, Any]:
    """Every row on every mixture that has not been measured yet."""
    try:
        result = tables.read(NAME)
    except FileNotFoundError:
        result = tables.stamp(NAME, seed) | {"mixtures": []}
    for mixture in mixtures(count, seed):
        entry = next((one for one in result["mixtures"] if one["name"] == mixture.name), None)
        if entry is None:
            entry = {"name": mixture.name, "facts": mixture.facts, "scores": {}}
            result["mixtures"].append(entry)
        kept = entry["scores"]
        for name, row in ROWS.items():
            channels = len(mixture.mix)
            possible = name not in DETERMINED or channels >= len(mixture.images)
            if name == PLACELESS:
                possible = not mixture.facts["recorded"]
            wanted = name in only if only else name not in SLOW
            if not (possible and wanted) or (name in kept and not again):
                continue
            began = time.process_time()
            images = row(mixture, channels)
            seconds = time.process_time() - began
            if name in BLIND:
                images = peers.assigned(mixture.images, images)
            kept[name] = scores.images(mixture.images[:, :2], images[:, :2])
            kept[name] |= scores.speech(mixture.images[0, 0], images[0, 0], rooms.RATE)
            kept[name]["seconds"] = round(seconds, 2)
            print(
                f"{mixture.name:60s} {name:24s} {kept[name]['sdr'][0]:6.2f} dB {seconds:6.1f} s",
                file=sys.stderr,
                flush=True,
            )
            tables.write(NAME, result)
    return result


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


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality.arrays", description=__doc__.split("\n")[0])
    parser.add_argument("--mixtures", type=int, default=18, help="simulated ones, up to 24")
    parser.add_argument("--seed", type=int, default=0, help="of the mixtures")
    parser.add_argument("--only", metavar="ROW", action="append", default=[], help="measure this row; may be repeated")
    parser.add_argument("--again", action="store_true", help="measure also what was measured before")
    parser.add_argument("--show", action="store_true", help="only show and draw the kept result")
    options = parser.parse_args(arguments)
    if options.show:
        result = tables.read(NAME)
    else:
        recordings.folder()
        result = measure(options.mixtures, options.seed, options.only, options.again)
    print(table(result), caption(result), sep="\n\n")
    draw(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
