"""Figures of a result: of each seed, their mean and spread, and who leads by how much."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .papers import TABLE_3

Result = dict[str, Any]


def over_seeds(result: Result, of: Callable[[Result], float]) -> list[float]:
    """A figure of each seed."""
    return [of(rows) for rows in result["by_seed"]]


def spread(values: list[float], digits: int = 1) -> str:
    """Mean and standard deviation over seeds."""
    mean = f"{np.mean(values):.{digits}f}"
    return mean if len(values) < 2 else f"{mean} ± {np.std(values, ddof=1):.{digits}f}"


def per_cent(result: Result, system: str, name: str) -> str:
    """A figure of a system on the test clips, in per cent."""
    if system in TABLE_3:
        return spread([100 * rows[system][name] for rows in result["fine_tuned"]])
    return spread(over_seeds(result, lambda rows: 100 * rows["classification"][system][name]))


def of_system(result: Result, system: str, name: str) -> list[float]:
    """A figure of a system of each seed; NaN where it has none."""
    return over_seeds(result, lambda rows: rows["classification"][system].get(name, np.nan))


def sdr_by_seed(result: Result) -> dict[str, list[float]]:
    """Mean SDR of each seed, the baselines first."""
    found = {name: [row["sdr"]] for name, row in result["baselines"].items()}
    for name in result["by_seed"][0]["enhancement"]:
        found[name] = over_seeds(result, lambda rows: rows["enhancement"][name]["sdr"])  # noqa: B023
    return found


def fixed_thresholds(result: Result) -> dict[str, list[float]]:
    """SDR of each seed by the fixed τ, of V + A (NCP) with the label known."""
    return {
        name.split(", ")[-2]: values
        for name, values in sdr_by_seed(result).items()
        if name.startswith("V + A (NCP), 0.") and name.endswith(", known")
    }


def _lead(result: Result, other: str) -> str:
    """By how many points of F1 AV TS is above another system, ± standard error over seeds."""
    each = 100 * np.subtract(of_system(result, "AV TS", "f1"), of_system(result, other, "f1"))
    return f"{each.mean():+.1f}" + (f" ± {each.std(ddof=1) / len(each) ** 0.5:.1f}" if len(each) > 1 else "")


def margins(result: Result) -> dict[str, str]:
    """By how much the papers' ideas lead over what they replace."""
    sdr = {name: float(np.mean(values)) for name, values in sdr_by_seed(result).items()}
    adaptive = sdr["V + A (NCP), adaptive, known"]
    means = {threshold: float(np.mean(values)) for threshold, values in fixed_thresholds(result).items()}
    best = max(means, key=lambda threshold: means[threshold])
    return {
        "AV over audio": f"{_lead(result, 'AO TS')} points of F1",
        "AV over visual": f"{_lead(result, 'VO TS')} points",
        "two streams over one": f"{_lead(result, 'AV OS')} points",
        "over one with as sharp a soft maximum": f"{_lead(result, 'AV OS, sharper')} points",
        "CorLoc of AV TS": f"{np.mean(of_system(result, 'AV TS', 'corloc')):.2f}",
        f"adaptive τ over the best fixed one ({best}, by the test mixtures)": f"{adaptive - means[best]:+.2f} dB",
        "over supervised NMF": f"{adaptive - max(v for k, v in sdr.items() if k.startswith('supervised')):+.2f} dB",
    }
