"""`python -m benchmarks.quality.spatial`: every row on every mixture."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

from benchmarks.quality import recordings, rooms, scores, tables
from benchmarks.quality.measuring import scored
from benchmarks.quality.mixtures import mixtures

from . import NAME, caption, draw, table
from . import __doc__ as purpose
from .rows import BLIND, ENDS, SEEDED


def measure(
    count: int, seed: int, seeds: int, kept: dict[str, Any] | None = None, only: Sequence[str] = ()
) -> dict[str, Any]:
    """Every row on every mixture; or `only` some rows, put into a `kept` result of the same mixtures."""
    rows = {**SEEDED, **BLIND, **ENDS}
    result = tables.stamp(NAME, seed) | {"seeds": seeds, "points": rooms.POINTS, "rows": list(rows)}
    result["mixtures"] = [] if kept is None else kept["mixtures"]
    for index, mixture in enumerate(mixtures(count, seed)):
        print(mixture.name, file=sys.stderr, flush=True)
        if kept is None:
            result["mixtures"].append({"facts": mixture.facts, "scores": {}})
        entry = result["mixtures"][index]
        for name, row in rows.items():
            if only and name not in only:
                continue
            score = scored(mixture, partial(row, mixture, 0), blind=name in BLIND)
            if name in SEEDED:
                more = [scores.sdr(mixture.images, row(mixture, s)).tolist() for s in range(1, seeds)]
                score["sdr_by_seed"] = [score["sdr"], *more]
            entry["scores"][name] = score
            print(f"  {name:42s} {score['sdr'][0]:6.2f} dB {score['seconds']:6.1f} s", file=sys.stderr, flush=True)
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality.spatial", description=purpose.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="3 mixtures, one seed; the result is not kept")
    parser.add_argument("--mixtures", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0, help="of the mixtures")
    parser.add_argument("--seeds", type=int, default=3, help="how many seeds of each random start")
    parser.add_argument("--name", default=NAME, help="of the result file")
    parser.add_argument(
        "--row", action="append", default=[], help="measure this row alone, keep others; may be repeated"
    )
    parser.add_argument("--show", action="store_true", help="only show and draw the kept result")
    options = parser.parse_args(arguments)
    if options.show:
        result = tables.read(options.name)
    else:
        recordings.folder()
        kept = tables.read(options.name) if options.row else None
        amount = (3, options.seed, 1) if options.quick else (options.mixtures, options.seed, options.seeds)
        result = measure(*amount, kept, options.row)
        if not options.quick:
            print(tables.write(options.name, result), file=sys.stderr)
    print(table(result), caption(result), sep="\n\n")
    if not options.quick:
        draw(result, options.name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
