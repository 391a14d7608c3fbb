"""Quality of separation: the full tables of benchmarks/quality for docs/quality.md, and the short ones for README.

A program has NAME (of its result file, and of its picture), TITLE, `table(result)` and `caption(result)`. Those that
README shows have `draw(result)` and `headline(result)`: a few rows and a sentence for who looks at nothing else.
"""

import importlib
from collections.abc import Callable
from typing import Any

from .results import Result

PROGRAMS = ("spatial", "arrays", "likelihood", "onthefly", "motion", "mil")
NOT_YET = "*Not measured yet: `make bench-quality bench-report`.*"


def section(results: list[Result]) -> str:
    """All headlines, each with its picture."""
    parts = []
    for name in PROGRAMS:
        program, result = _kept(name, results)
        if result is not None:
            parts += [f"**{program.TITLE}** ([all rows](docs/quality.md))", program.headline(result)]
            parts += [f"![{program.TITLE}](docs/img/{program.NAME}.png)"]
    return "\n\n".join(parts) or NOT_YET


def _full(name: str) -> Callable[[list[Result]], str]:
    def full(results: list[Result]) -> str:
        program, result = _kept(name, results)
        if result is None:
            return NOT_YET
        picture = [f"![{program.TITLE}](img/{program.NAME}.png)"] if hasattr(program, "draw") else []
        return "\n\n".join((program.table(result), *picture, program.caption(result)))

    return full


def _kept(name: str, results: list[Result]) -> tuple[Any, Result | None]:
    program = importlib.import_module(f"benchmarks.quality.{name}")
    return program, next((result for result in results if result["file"] == program.NAME), None)


SECTIONS = {name: _full(name) for name in (*PROGRAMS, "videos")}
