"""What a model's iteration costs over plain KL's."""

from benchmarks.quality.tables import markdown

from .results import NOT_YET, Result, kind, times, where


def section(results: list[Result]) -> str:
    found = kind(results, "models")
    if not found:
        return NOT_YET
    names = [name for name in found[0]["contestants"] if name != found[0]["ours"]]
    rows = [[result["what"], *(times(result["contestants"][name]) for name in names)] for result in found]
    return markdown(["one iteration over plain KL's", *names], rows) + "\n\n" + where(found)
