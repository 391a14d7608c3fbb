"""The picture: F1 of the systems, and SDR over τ."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.quality import tables

from .figures import Result, fixed_thresholds, of_system, sdr_by_seed
from .papers import TABLE_1
from .tables import NAME


def draw(result: Result) -> None:
    """Both panels, into docs/img."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    _f1(left, result)
    _sdr(right, result)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(tables.PICTURES / f"{NAME}.png", dpi=130)
    plt.close(figure)


def _f1(axes: Any, result: Result) -> None:
    """Of the systems: bars of the mean, a dot a seed."""
    for row, name in enumerate(TABLE_1):
        values = [100 * value for value in of_system(result, name, "f1")]
        axes.barh(row, np.mean(values), 0.65, color="#2f5c9e" if name.startswith(("AV", "Sync")) else "#8fa8cc")
        axes.plot(values, [row] * len(values), ".", color="0.2", ms=4)
    axes.set_yticks(range(len(TABLE_1)), list(TABLE_1), size=9)
    axes.invert_yaxis()
    axes.set_xlabel("micro F1 on the test clips, %", size=9)


def _sdr(axes: Any, result: Result) -> None:
    """Over the fixed τ, with lines for what has none."""
    sdr = sdr_by_seed(result)
    fixed = fixed_thresholds(result)
    axes.plot(
        [float(threshold) for threshold in fixed],
        [np.mean(values) for values in fixed.values()],
        "o-",
        ms=3,
        color="#8fa8cc",
        label="fixed τ",
    )
    for name, label, colour in (
        ("V + A (NCP), adaptive, known", "adaptive τ", "#2f5c9e"),
        ("V + A (NCP), soft, known", "soft", "#7aa36b"),
        ("supervised NMF, among all classes", "supervised NMF", "#c0504d"),
        ("Mel clustering, better order", "Mel clustering", "0.5"),
    ):
        axes.axhline(np.mean(sdr[name]), color=colour, lw=1.2, label=label)
    axes.set_xlabel("τ", size=9)
    axes.set_ylabel("SDR, dB", size=9)
    axes.legend(fontsize=8, frameon=False, loc="center right", bbox_to_anchor=(1.0, 0.7))
