"""Separation by motion: Parekh (2019), Tables 3.1, 4.1 and 4.2, on string players that the project makes.

    python -m benchmarks.quality.motion [--quick] [--seed S] [--seeds R] [--jobs P]
    python -m benchmarks.quality.motion --show           tables and captions from the kept result

Stems and their note lists (`music/` of the recordings), and scores that the project makes up, are mixed at equal level;
bows follow the notes. The first part has motion capture tables (240 Hz, with the sensors' noise), the second videos of
quartets (640×360, 25 frames per second, H.264), followed and clustered; again with a shaking camera, a bystander who
waves, and a late picture. SDR is that of BSS Eval v4 and the mean over all starts; SIR and SAR are of the first start
of what was held out, by museval. Mel clustering, which is blind, is scored in the order of its sources that suits it
best.

What is done is kept beside the result (`.progress`): the program goes on there when it is started again.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any

import numpy as np

from . import ensembles, players, recordings, tables

NAME = "quality-motion"
TITLE = "String players who are seen to play"
Key = tuple[str, str, str, str, str]
# The thesis's mean SDR in dB, where it has one.
PAPER = {
    ("mocap", "trios"): {"LS": 1.0, "spLS": 1.0, "JLS": 2.1, "sMcNMF": 1.3, "Mel NMF": 1.0},
    ("mocap", "duos, different"): {"LS": 3.8, "spLS": 3.7, "JLS": 4.7, "sMcNMF": 3.8, "Mel NMF": 5.3},
    ("mocap", "duos, same"): {"LS": 0.9, "spLS": 0.8, "JLS": 1.1, "sMcNMF": 2.2, "Mel NMF": -0.8},
    ("video", "duos"): {"LS": 7.0, "spLS": 7.1, "JLS": 6.9, "Mel NMF": 5.5},
    ("video", "trios"): {"LS": 3.0, "spLS": 2.8, "JLS": 2.8, "Mel NMF": 1.6},
    ("video", "quartets"): {"LS": 0.4, "spLS": 0.4, "JLS": 0.3, "Mel NMF": -1.1},
}


def units(quick: bool) -> dict[str, players.Mixture | players.Cast]:
    """What is measured in one go, by name; what was held out first."""
    mixtures: list[players.Mixture | players.Cast] = [*players.filmed(), *players.captured()]
    mixtures.sort(key=lambda one: one.split, reverse=True)
    named = {
        " | ".join((one.split, one.kind, getattr(one, "film", "mocap"), *(p.label for p in one.players))): one
        for one in mixtures
    }
    if not quick:
        return named
    kinds = {(one.split, one.kind, getattr(one, "film", "")): name for name, one in reversed(named.items())}
    return {name: named[name] for name in kinds.values()}


def rows(one: players.Mixture | players.Cast, seed: int, seeds: int, quick: bool) -> list[ensembles.Row]:
    """All rows of one unit."""
    starts = range(seed, seed + seeds)
    if isinstance(one, players.Cast):
        return list(ensembles.of_filmed(one, seed, starts, quick))
    return list(ensembles.of_captured(one, starts))


def measure(seed: int, seeds: int, quick: bool, jobs: int) -> dict[str, Any]:
    """All rows, those that an interrupted run has left included; only those of it with no `jobs`."""
    result = tables.stamp(NAME, seed) | {"seeds": seeds}
    progress = tables.Progress(
        NAME, {key: result[key] for key in ("seed", "seeds", "kernel_sha256")} | {"quick": quick}
    )
    todo = units(quick)
    if jobs:
        first = next(one for one in todo.values() if isinstance(one, players.Cast))
        if "end to end" not in progress.done:
            progress.add("end to end", [ensembles.end_to_end(first, seed)])
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // jobs)))
        with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
            waiting = {
                pool.submit(rows, one, seed, seeds, quick): name
                for name, one in todo.items()
                if name not in progress.done
            }
            for ready in as_completed(waiting):
                progress.add(waiting[ready], ready.result())
    return result | {
        "missing": [name for name in todo if name not in progress.done],
        "end_to_end": progress.done["end to end"][0],
        "rows": [row for name in todo for row in progress.done.get(name, [])],
    }


def groups(result: dict[str, Any]) -> dict[Key, list[dict[str, Any]]]:
    """Rows by split, source, kind, film and method."""
    found: dict[Key, list[dict[str, Any]]] = {}
    for row in result["rows"]:
        key = (row["split"], row["source"], row["kind"], row["film"], row["method"])
        found.setdefault(key, []).append(row)
    return dict(sorted(found.items(), key=lambda one: players.SPLITS.index(one[0][0])))


def table(result: dict[str, Any]) -> str:
    """The Markdown table."""
    lines = []
    for (split, source, kind, label, method), rows in groups(result).items():
        sdr = [row["sdr"] for row in rows]
        named = kind if source == "mocap" else kind.split(",")[0]
        paper = PAPER.get((source, named), {}).get(method) if label in ("", "plain") else None
        lines.append(
            [
                f"{split}: {source}, {kind}{f', {label}' if label else ''}: {method}",
                f"{np.mean(sdr):.2f} ± {tables.standard_error(sdr):.2f}",
                *(_mean(rows, key) for key in ("sir", "sar", "right", "iou")),
                "" if paper is None else f"{paper:.1f}",
            ]
        )
    return tables.markdown(["mixtures: method", "SDR", "SIR", "SAR", "arm found", "IoU", "thesis SDR"], lines)


def headline(result: dict[str, Any]) -> str:
    """Both of the thesis's models beside Mel clustering, on duos that were held out."""
    by = groups(result)
    shown = [("mocap", "duos, same", "", name) for name in ("sMcNMF", "LS + timbre", "LS", "Mel NMF")] + [
        ("video", f"duos, {kind}", "plain", name)
        for kind in ("two pieces", "one piece", "made up")
        for name in ensembles.HARDER
    ]
    rows = [
        [f"{key[0]}, {key[1]}: {key[3]}", *(_mean(by[players.SPLITS[1], *key], score) for score in ("sdr", "right"))]
        for key in shown
        if (players.SPLITS[1], *key) in by
    ]
    return tables.markdown(["mean over mixtures held out", "SDR, dB", "sounding arm found"], rows)


def _mean(rows: list[ensembles.Row], key: str) -> str:
    """Of a score, where it was measured."""
    known = [row[key] for row in rows if row.get(key) is not None]
    return f"{np.mean(known):.2f}" if known else ""


def caption(result: dict[str, Any]) -> str:
    """What the table shows, and which of the thesis's orderings hold in it."""
    late = [row["delay"] for row in result["rows"] if row["film"].startswith("picture")]
    films = [row for row in result["rows"] if row["film"]]
    whole = result["end_to_end"]
    sentences = (
        f"Mean over mixtures of the SDR of {result['seeds']} starts each, ± standard error over mixtures, in dB.",
        f"Excerpts of {ensembles.CAPTURED:g} s (mocap) and {ensembles.FILMED:g} s (video), Hamming window of",
        f"{ensembles.FRAME} at 22.05 kHz. What the program has been tuned on is marked development; what is held out",
        "are other passages and pairings of the same stems (trios of development alone have all passages), and other",
        "made-up scores. Duos of video are all pairs of a cast of four, and so not independent of each other.",
        '"Arm found": share of the sources whose sounding cluster lies on the bowing arm with more than half of its',
        "points. IoU: of that cluster's region and the arm's, over the frames; the best cluster of each player has",
        f"{np.mean([row['best_iou'] for row in films]):.2f} on average.",
        *(f"The picture that is 120 ms late is taken for {1000 * np.mean(late):.0f} ms late." for _ in late[:1]),
        f"A film takes the command line {whole['seconds']:.1f} s ({whole['cpu_seconds']:.1f} s of one core) and",
        f"{whole['peak_mb']:.0f} MB ({whole['video']}).",
        "The thesis's figures are of other recordings.",
        f"Its orderings here: {'; '.join(orderings(result))}.",
        *(f"Not measured this time: {', '.join(result['missing'])}." for _ in result["missing"][:1]),
        f"{result['machine']['cpu']}, {result['date']}.",
    )
    return " ".join(sentences)


def orderings(result: dict[str, Any]) -> list[str]:
    """How sure the thesis's orderings are, on what was tuned on and on what was held out."""

    def paired(split: str, source: str, kinds: str, method: str) -> list[float]:
        return [
            row["sdr"]
            for row in result["rows"]
            if row["film"] in ("", "plain")
            and (row["split"], row["source"], row["method"]) == (split, source, method)
            and row["kind"].startswith(kinds)
        ]

    said = []
    for split in players.SPLITS:
        for source, kinds, method in (
            ("mocap", "duos, same", "sMcNMF"),
            ("mocap", "duos, different", "LS"),
            *(
                ("video", kinds, method)
                for kinds in ("duos", "duos, one piece", "duos, two pieces", "duos, made up", "trios")
                for method in ("LS + timbre", "LS")
            ),
        ):
            better, worse = (paired(split, source, kinds, one) for one in (method, "Mel NMF"))
            if better:
                said.append(f"{split} {source} {kinds}, {method} above Mel NMF {tables.verdict(better, worse)}")
    return said


def draw(result: dict[str, Any]) -> None:
    """The picture: SDR of the main methods on duos and trios that were held out."""
    drawn = (*ensembles.HARDER, "sMcNMF")
    rows = {
        key: each
        for key, each in groups(result).items()
        if key[0] == players.SPLITS[1] and key[3] in ("", "plain") and key[4] in drawn and "quartets" not in key[2]
    }
    colours = {"mocap": "#2f5c9e", "video": "#8fa8cc"}
    tables.bars(
        tables.PICTURES / f"{NAME}.png",
        [f"{source}, {kind}: {method}" for _, source, kind, _, method in rows],
        [[row["sdr"] for row in each] for each in rows.values()],
        [colours[key[1]] for key in rows],
        "mean SDR, dB, held out (bar: mean, whisker: its standard error, dots: mixtures)",
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality.motion", description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one mixture of each kind; the result is not kept")
    parser.add_argument("--seed", type=int, default=0, help="of the films and the first start")
    parser.add_argument("--seeds", type=int, default=5, help="how many random starts")
    parser.add_argument("--jobs", type=int, default=2, help="how many mixtures at once; 0: write what is done so far")
    parser.add_argument("--show", action="store_true", help="only show and draw the kept result")
    options = parser.parse_args(arguments)
    if options.show:
        result = tables.read(NAME)
    else:
        recordings.folder()
        result = measure(options.seed, 1 if options.quick else options.seeds, options.quick, options.jobs)
        if not options.quick:
            print(tables.write(NAME, result), file=sys.stderr)
        if not result["missing"]:
            tables.Progress.forget(NAME)
    print(table(result), caption(result), sep="\n\n")
    if not options.quick:
        draw(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
