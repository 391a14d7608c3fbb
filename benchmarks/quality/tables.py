"""What the quality programs share: result files, Markdown tables, and how sure a difference is."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import machine

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results"
PICTURES = ROOT / "docs" / "img"


def stamp(kind: str, seed: int) -> dict[str, Any]:
    """The head of a result: what, when, where, with which versions and kernels."""
    return {
        "kind": kind,
        "date": datetime.now(UTC).date().isoformat(),
        "seed": seed,
        "machine": machine.describe(),
        "kernel_sha256": machine.kernel_sha256(),
    }


def write(name: str, result: dict[str, Any]) -> Path:
    """`benchmarks/results/<name>.json`, replaced at once."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{name}.json"
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)
    return path


def read(name: str) -> dict[str, Any]:
    """A kept result."""
    found: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return found


class Progress:
    """Rows by unit, kept beside the results in a file of JSON lines until the whole result is written.

    Args:
        name: of the result.
        settings: what the rows depend on; those of other settings are dropped.
    """

    def __init__(self, name: str, settings: dict[str, Any]) -> None:
        self._path = self._file(name)
        self.done: dict[str, list[dict[str, Any]]] = {}
        if self._path.exists():
            head, *kept = self._path.read_text(encoding="utf-8").splitlines(keepends=True)
            if json.loads(head) == settings:
                # The last line may be half written.
                self.done = dict(json.loads(line) for line in kept if line.endswith("\n"))
                return
        self._path.write_text(json.dumps(settings) + "\n", encoding="utf-8")

    def add(self, unit: str, rows: list[dict[str, Any]]) -> None:
        """Keep the rows of a unit, and show them."""
        self.done[unit] = rows
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([unit, rows]) + "\n")
        shown = ", ".join(f"{row['method']} {row['sdr']:.2f}" for row in rows[:4] if "sdr" in row)
        print(f"{unit}: {shown}", file=sys.stderr, flush=True)

    @classmethod
    def forget(cls, name: str) -> None:
        """The result is written."""
        cls._file(name).unlink(missing_ok=True)

    @staticmethod
    def _file(name: str) -> Path:
        return RESULTS / f"{name}.progress"


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; all columns but the first to the right.

    >>> print(markdown(["a", "b"], [["x", "1"]]))
    | a | b |
    | --- | ---: |
    | x | 1 |
    """
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def verdict(better: Sequence[float], worse: Sequence[float]) -> str:
    """Whether `better` is larger on average over the same mixtures: difference, standard error, and a word.

    "Undecided" is a difference of less than twice its standard error.

    >>> verdict([3.0, 3.5, 4.0], [1.0, 1.5, 1.9])
    'holds (+2.03 ± 0.03 dB)'
    """
    difference = np.asarray(better) - np.asarray(worse)
    mean, error = float(difference.mean()), standard_error(difference)
    word = "holds" if mean > 2 * error else "is reversed" if mean < -2 * error else "is undecided"
    return f"{word} ({mean:+.2f} ± {error:.2f} dB)"


def standard_error(values: Any) -> float:
    """Of the mean; 0 for one value."""
    values = np.asarray(values, float)
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0


def bars(
    path: Path, groups: Sequence[str], values: Sequence[Sequence[float]], colours: Sequence[str], label: str
) -> None:
    """Horizontal bars of means with every mixture as a dot, and the standard error as a whisker."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 0.42 * len(groups) + 1.2), layout="constrained")
    for row, (each, colour) in enumerate(zip(values, colours, strict=True)):
        mean = float(np.mean(each))
        axes.barh(row, mean, 0.7, color=colour, alpha=0.85)
        axes.plot(
            each,
            np.full(len(each), row) + np.linspace(-0.22, 0.22, len(each)),
            ".",
            color="0.25",
            ms=3,
            alpha=0.6,
        )
        axes.errorbar(mean, row, xerr=standard_error(each), color="black", capsize=3, lw=1.2)
        axes.annotate(
            f"{mean:.1f}",
            (1.0, row),
            (4, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            va="center",
        )
    axes.axvline(0, color="0.3", lw=0.8)
    axes.set_yticks(range(len(groups)), groups, size=9)
    axes.invert_yaxis()
    axes.set_xlabel(label, size=9)
    axes.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
    plt.close(figure)
