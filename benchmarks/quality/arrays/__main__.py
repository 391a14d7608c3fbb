"""`python -m benchmarks.quality.arrays`: every row on every recording, kept as it is done."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

from benchmarks.quality import recordings, tables
from benchmarks.quality.measuring import scored

from . import NAME, caption, draw, table
from . import __doc__ as purpose
from .conditions import mixtures
from .rows import BLIND, ROWS, SLOW, possible


def measure(count: int, seed: int, only: Sequence[str], again: bool) -> dict[str, Any]:
    """Every row on every mixture that has not been measured yet."""
    try:
        result = tables.read(NAME)
    except FileNotFoundError:
        result = tables.stamp(NAME, seed) | {"mixtures": []}
    wanted = [row for row in ROWS if (row in only if only else row not in SLOW)]
    for mixture in mixtures(count, seed):
        entry = next((one for one in result["mixtures"] if one["name"] == mixture.name), None)
        if entry is None:
            entry = {"name": mixture.name, "facts": mixture.facts, "scores": {}}
            result["mixtures"].append(entry)
        kept = entry["scores"]
        for row in wanted:
            if possible(row, mixture) and (again or row not in kept):
                kept[row] = scored(mixture, partial(ROWS[row], mixture, len(mixture.mix)), blind=row in BLIND)
                said = f"{kept[row]['sdr'][0]:6.2f} dB {kept[row]['seconds']:6.1f} s"
                print(f"{mixture.name:60s} {row:24s} {said}", file=sys.stderr, flush=True)
                tables.write(NAME, result)
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality.arrays", description=purpose.split("\n")[0])
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
