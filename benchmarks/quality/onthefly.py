"""On-the-fly separation of pairs of everyday sounds: El Badawy, Duong and Ozerov (2017), Tables II and III.

    python -m benchmarks.quality.onthefly [--quick] [--seed S] [--seeds R]
    python -m benchmarks.quality.onthefly --show         table, caption and picture from the kept result

Two clips of different classes are mixed at 0 dB; each class's model is learned from its *other* clips.
NSDR and NSIR are SDR and SIR (museval v4) minus those of the mixture, averaged over sources and mixtures.
As in the paper, each row shows the λ0 of its grid with the highest mean NSDR.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfcore import istft, masks, stft
from nmfcore.models import Dictionary, gssm_separate, learn_dictionary

from . import recordings, scores, tables

Array = NDArray[Any]
NAME = "quality-onthefly"
TITLE = "Pairs of everyday sounds"
FRAME = 752  # 47 ms at 16 kHz
COMPONENTS, BACKGROUND = 32, 10
LEARNING, SEPARATING = 200, 100  # multiplicative updates
LEAST_ACTIVITY = 0.6  # of clips that are mixed, so that both are heard most of the time
BLOCK = (1e-5, 1e-4, 4e-4, 1e-3)
COMPONENT = (2e-8, 1e-7, 5e-7, 1e-6, 5e-6)


@dataclass(frozen=True)
class Penalty:
    """A row of the tables: the penalty, its grid of λ0, and the paper's mean NSDR and NSIR where given."""

    name: str
    kind: str
    gamma: float | str
    grid: tuple[float, ...]
    supervised: tuple[float, float] | None
    semi: tuple[float, float] | None


ROWS = (
    Penalty("no sparsity", "component", 0.0, (0.0,), None, None),
    Penalty("block", "block", 0.0, BLOCK, (5.14, 9.80), (0.74, 4.66)),
    Penalty("component", "component", 0.0, COMPONENT, (5.91, 10.67), (1.98, 6.22)),
    Penalty("relative block, γ = 1", "block", 1.0, BLOCK, (4.78, 9.27), (1.68, 6.03)),
    Penalty("relative component, γ = 1", "component", 1.0, COMPONENT, (6.15, 10.70), (2.31, 6.64)),
    Penalty("relative block, γ = 1/G", "block", "1/G", BLOCK, (5.03, 9.44), (1.09, 5.74)),
    Penalty("relative component, γ = 1/G", "component", "1/G", COMPONENT, (5.96, 10.72), None),
)
ORDERINGS = (
    ("component > block", "component", "block"),
    ("relative component > component", "relative component, γ = 1", "component"),
    ("relative block > block", "relative block, γ = 1", "block"),
)


@dataclass(frozen=True)
class Pair:
    """Two sources (2, T) of equal power, and the models of their classes."""

    name: str
    sources: Array
    models: tuple[Array, Array]  # W of each class, blocks of COMPONENTS columns


def pairs(seed: int, count: int | None = None) -> list[Pair]:
    """Every class with the next one round a shuffled circle; clips drawn among the class's most active."""
    rng = np.random.default_rng(seed)
    classes = {name: files for name, files in recordings.classes().items() if len(files) >= 4}
    active = recordings.classes(LEAST_ACTIVITY)
    names = [name for name in classes if active.get(name)]
    ring = [names[i] for i in rng.permutation(len(names))]
    learned: dict[str, Array] = {}
    found = []
    for first, second in list(zip(ring, ring[1:] + ring[:1], strict=True))[:count]:
        clips = [str(rng.choice(active[name])) for name in (first, second)]
        found.append(
            Pair(
                f"{first} + {second}",
                _equal_power([_trimmed(recordings.read(clip)) for clip in clips]),
                (
                    np.hstack([_patterns(clip, learned, seed) for clip in classes[first] if clip != clips[0]]),
                    np.hstack([_patterns(clip, learned, seed) for clip in classes[second] if clip != clips[1]]),
                ),
            )
        )
    return found


def _patterns(clip: str, learned: dict[str, Array], seed: int) -> Array:
    """One clip's patterns (F, 32); the examples of a class are independent, so that each is learned once."""
    if clip not in learned:
        V = _power(recordings.read(clip).astype(np.float32))
        learned[clip] = learn_dictionary({"clip": [V]}, COMPONENTS, n_iter=LEARNING, seed=seed).W
    return learned[clip]


def _trimmed(clip: Array) -> Array:
    """Without the silence that the data set puts before and after short sounds."""
    heard = np.flatnonzero(np.abs(clip) > 1e-3 * np.abs(clip).max())
    return clip[heard[0] : heard[-1] + 1]


def _equal_power(clips: Sequence[Array]) -> Array:
    length = min(len(clip) for clip in clips)
    both = np.stack([clip[:length] for clip in clips])
    return np.asarray(0.1 * both / np.sqrt(np.mean(both**2, axis=1, keepdims=True)))


def _power(x: Array) -> Array:
    return np.asarray(np.abs(stft(x, FRAME)) ** 2)


def separate(pair: Pair, known: Sequence[int], penalty: Penalty, lam: float, seed: int) -> Array:
    """Estimates (2, T); `known` names the sources whose class is known, the other is the background."""
    blocks, column = {}, 0
    for source in known:
        count = pair.models[source].shape[1] // COMPONENTS
        blocks[str(source)] = tuple(slice(column + p * COMPONENTS, column + (p + 1) * COMPONENTS) for p in range(count))
        column += count * COMPONENTS
    dictionary = Dictionary(np.hstack([pair.models[s] for s in known]), tuple(blocks), blocks)
    X = stft(pair.sources.sum(axis=0).astype(np.float32), FRAME)
    parts = gssm_separate(
        np.abs(X) ** 2,
        dictionary,
        kind=penalty.kind,
        gamma=penalty.gamma,
        lam=lam,
        background=0 if len(known) == 2 else BACKGROUND,
        n_iter=SEPARATING,
        seed=seed,
    ).parts
    shares = np.stack([parts[str(source) if source in known else "background"] for source in (0, 1)])
    return istft(masks.wiener(X, shares), FRAME, length=pair.sources.shape[1])


def measure(seed: int, seeds: int, count: int | None, grid: bool) -> dict[str, Any]:
    """Both tables: every λ0 by SDR alone, then all scores and seeds for the best."""
    result = tables.stamp(NAME, seed) | {"seeds": seeds, "rows": []}
    mixtures = pairs(seed, count)
    result["pairs"] = [pair.name for pair in mixtures]
    mixed = [scores.images(p.sources[:, None], np.stack([p.sources.sum(axis=0)] * 2)[:, None])["sir"] for p in mixtures]
    for case, cases in (("supervised", [(0, 1)]), ("semi-supervised", [(0,), (1,)])):
        for penalty in ROWS:
            if case != "supervised" and penalty.semi is None and penalty.grid != (0.0,):
                continue
            tried = {
                lam: [
                    float(np.mean([scores.sdr(p.sources[:, None], _estimate(p, k, penalty, lam, 0)) for k in cases]))
                    for p in mixtures
                ]
                for lam in (penalty.grid if grid else penalty.grid[len(penalty.grid) // 2 :][:1])
            }
            best = max(tried, key=lambda lam: float(np.mean(tried[lam])))
            nsdr, nsir = [], []
            for pair, base in zip(mixtures, mixed, strict=True):
                scored = [scores.images(pair.sources[:, None], _estimate(pair, k, penalty, best, 0)) for k in cases]
                nsdr.append(float(np.mean([s["sdr"] for s in scored])))  # the mixture's own is 0 dB
                nsir.append(float(np.mean([np.subtract(s["sir"], base) for s in scored])))
            by_seed = [float(np.mean(nsdr))] + [
                float(
                    np.mean(
                        [
                            scores.sdr(p.sources[:, None], _estimate(p, k, penalty, best, s))
                            for p in mixtures
                            for k in cases
                        ]
                    )
                )
                for s in range(1, seeds)
            ]
            result["rows"].append(
                {
                    "case": case,
                    "penalty": penalty.name,
                    "lam": best,
                    "grid": {f"{lam:g}": float(np.mean(each)) for lam, each in tried.items()},
                    "nsdr": nsdr,
                    "nsir": nsir,
                    "nsdr_by_seed": by_seed,
                }
            )
            print(
                f"{case:16s} {penalty.name:28s} λ0 {best:g} NSDR {np.mean(nsdr):5.2f}",
                file=sys.stderr,
                flush=True,
            )
    return result


def _estimate(pair: Pair, known: Sequence[int], penalty: Penalty, lam: float, seed: int) -> Array:
    return separate(pair, known, penalty, lam, seed)[:, None]


def table(result: dict[str, Any]) -> str:
    """The Markdown table."""
    rows = []
    for row in result["rows"]:
        penalty = next(one for one in ROWS if one.name == row["penalty"])
        paper = penalty.supervised if row["case"] == "supervised" else penalty.semi
        over_seeds = np.std(row["nsdr_by_seed"], ddof=1) if len(row["nsdr_by_seed"]) > 1 else float("nan")
        rows.append(
            [
                f"{row['case']}, {row['penalty']}",
                f"{row['lam']:g}",
                f"{np.mean(row['nsdr']):.2f} ± {tables.standard_error(row['nsdr']):.2f}",
                f"{np.mean(row['nsir']):.2f} ± {tables.standard_error(row['nsir']):.2f}",
                f"{over_seeds:.2f}",
                "" if paper is None else f"{paper[0]:.2f} / {paper[1]:.2f}",
            ]
        )
    return tables.markdown(["penalty", "λ0", "NSDR", "NSIR", "over seeds", "paper NSDR / NSIR"], rows)


def headline(result: dict[str, Any]) -> str:
    """The best penalty of each case."""
    rows = []
    for case in ("supervised", "semi-supervised"):
        best = max((row for row in result["rows"] if row["case"] == case), key=lambda row: float(np.mean(row["nsdr"])))
        sure = f"{np.mean(best['nsdr']):.1f} ± {tables.standard_error(best['nsdr']):.1f}"
        rows.append([f"{case}, {best['penalty']}", sure, f"{np.mean(best['nsir']):.1f}"])
    return tables.markdown(["best penalty, gain over the mixture in dB", "SDR", "SIR"], rows)


def caption(result: dict[str, Any]) -> str:
    """What the table shows, and which of the paper's orderings hold in it."""
    by_name = {(row["case"], row["penalty"]): row["nsdr"] for row in result["rows"]}
    said = []
    for case in ("supervised", "semi-supervised"):
        words = [f"{w} {tables.verdict(by_name[case, a], by_name[case, b])}" for w, a, b in ORDERINGS]
        best = max((key for key in by_name if key[0] == case), key=lambda key: float(np.mean(by_name[key])))
        said.append(f"{case}: {'; '.join(words)}; best is {best[1]}")
    gap = tables.verdict(by_name["supervised", "no sparsity"], by_name["semi-supervised", "no sparsity"])
    sentences = (
        f"Mean over both sources of {len(result['pairs'])} pairs of clips mixed at 0 dB,",
        "± standard error over pairs, in dB; each class is learned from its other clips.",
        f"Sine window of 47 ms, {COMPONENTS} components per example, {LEARNING} and {SEPARATING} updates.",
        "λ0 is the best of the row's grid on these pairs, as in the paper.",
        f'"Over seeds": standard deviation of the mean NSDR over {result["seeds"]} seeds.',
        "The paper's figures are of other recordings.",
        f"Its orderings here: {'. '.join(said)}.",
        f"Examples for both sources are better than for one: {gap}.",
        f"{result['machine']['cpu']}, {result['date']}.",
    )
    return " ".join(sentences)


def draw(result: dict[str, Any]) -> None:
    """The picture: NSDR of every row."""
    tables.bars(
        tables.PICTURES / f"{NAME}.png",
        [f"{row['case']}, {row['penalty']}" for row in result["rows"]],
        [row["nsdr"] for row in result["rows"]],
        ["#2f5c9e" if row["case"] == "supervised" else "#8fa8cc" for row in result["rows"]],
        "mean NSDR, dB (bar: mean, whisker: its standard error, dots: pairs)",
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality.onthefly", description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="4 pairs, one λ0 per row; the result is not kept")
    parser.add_argument("--seed", type=int, default=0, help="of the pairs and dictionaries")
    parser.add_argument("--seeds", type=int, default=3, help="how many seeds of the random start")
    parser.add_argument("--show", action="store_true", help="only show and draw the kept result")
    options = parser.parse_args(arguments)
    if options.show:
        result = tables.read(NAME)
    else:
        recordings.folder()
        quick = options.quick
        result = measure(options.seed, 1 if quick else options.seeds, 4 if quick else None, grid=not quick)
        if not quick:
            print(tables.write(NAME, result), file=sys.stderr)
    print(table(result), caption(result), sep="\n\n")
    if not options.quick:
        draw(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
