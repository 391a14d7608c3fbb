"""The drop-ins beside scikit-learn's estimators."""

from benchmarks.quality.tables import markdown

from .results import NOT_YET, Result, kind, milliseconds, times, where


def section(results: list[Result]) -> str:
    found = kind(results, "estimator")
    if not found:
        return NOT_YET
    rows = []
    for result in found:
        entries = result["contestants"]
        low, high = entries["scikit-learn"]["times_ours_range"]
        ratio = f"{times(entries['scikit-learn'])} ({low:.1f} to {high:.1f})"
        rows.append([result["what"], milliseconds(entries["nmfcore"]["iteration_s"]), ratio])
    header = ["one iteration (of a mini-batch: one pass)", "nmfcore", "scikit-learn"]
    return markdown(header, rows) + "\n\n" + where(found)
