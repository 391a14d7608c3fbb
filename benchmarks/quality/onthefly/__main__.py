"""`python -m benchmarks.quality.onthefly`: every penalty on every pair."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality import recordings, scores, tables

from . import NAME, caption, draw, table
from . import __doc__ as purpose
from .pairs import Pair, pairs, separate
from .penalties import ROWS, Penalty


def measure(seed: int, seeds: int, count: int | None, grid: bool) -> dict[str, Any]:
    """Both tables: every λ0 by SDR alone, then all scores and seeds for the best."""
    found = pairs(seed, count)
    result = tables.stamp(NAME, seed) | {"seeds": seeds, "rows": [], "pairs": [pair.name for pair in found]}
    for case, known in (("supervised", [(0, 1)]), ("semi-supervised", [(0,), (1,)])):
        for penalty in ROWS:
            if case == "supervised" or penalty.semi is not None or penalty.grid == (0.0,):
                row = {"case": case, "penalty": penalty.name, **Trial(found, known, penalty).row(seeds, grid)}
                result["rows"].append(row)
                said = f"{case:16s} {penalty.name:28s} λ0 {row['lam']:g} NSDR {np.mean(row['nsdr']):5.2f}"
                print(said, file=sys.stderr, flush=True)
    return result


class Trial:
    """One penalty on all pairs.

    Args:
        found: the pairs.
        known: sources whose class is known, one tuple for each separation of a pair.
        penalty: of the activations.
    """

    def __init__(self, found: Sequence[Pair], known: Sequence[tuple[int, ...]], penalty: Penalty) -> None:
        self.pairs, self.known, self.penalty = found, known, penalty

    def row(self, seeds: int, grid: bool) -> dict[str, Any]:
        """The scores; without the whole `grid`, of its middle."""
        lams = self.penalty.grid
        tried = {lam: self.sdr(lam, 0) for lam in (lams if grid else lams[len(lams) // 2 :][:1])}
        best = max(tried, key=lambda lam: float(np.mean(tried[lam])))
        nsdr, nsir = [], []
        for pair in self.pairs:
            scored = [scores.images(pair.sources[:, None], one) for one in self.estimates(pair, best, 0)]
            nsdr.append(float(np.mean([one["sdr"] for one in scored])))  # the mixture's own is 0 dB
            nsir.append(float(np.mean([np.subtract(one["sir"], pair.mixed_sir) for one in scored])))
        return {
            "lam": best,
            "grid": {f"{lam:g}": float(np.mean(each)) for lam, each in tried.items()},
            "nsdr": nsdr,
            "nsir": nsir,
            "nsdr_by_seed": [float(np.mean(nsdr)), *(float(np.mean(self.sdr(best, s))) for s in range(1, seeds))],
        }

    def sdr(self, lam: float, seed: int) -> list[float]:
        """Mean SDR of each pair."""
        return [
            float(np.mean([scores.sdr(pair.sources[:, None], one) for one in self.estimates(pair, lam, seed)]))
            for pair in self.pairs
        ]

    def estimates(self, pair: Pair, lam: float, seed: int) -> Iterator[NDArray[Any]]:
        """Images (2, 1, T), once for each choice of what is known."""
        return (separate(pair, known, self.penalty, lam, seed)[:, None] for known in self.known)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality.onthefly", description=purpose.split("\n")[0])
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
