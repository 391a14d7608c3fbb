"""Fewer iterations to the same objective."""

from benchmarks.quality.tables import markdown

from .results import NOT_YET, Result, kind, where


def section(results: list[Result]) -> str:
    found = kind(results, "acceleration")
    if not found:
        return NOT_YET
    rows = [
        [
            result["what"],
            f"{result['iterations']['plain']}",
            f"{result['iterations']['extrapolation']}",
            f"{result['times_faster']:.1f} ×",
        ]
        for result in found
    ]
    header = ["to the same objective", "iterations", 'with acceleration="extrapolation"', "faster"]
    return markdown(header, rows) + "\n\n" + where(found)
