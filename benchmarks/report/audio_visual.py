"""Where the time of the audio-visual system goes."""

from benchmarks.quality.tables import markdown

from .results import NOT_YET, Result, kind, where

_PARTS = {
    "total_s": "in all",
    "factorization_s": "of it the factorization",
    "audio_s": "audio network",
    "visual_s": "visual network",
}


def section(results: list[Result]) -> str:
    found = kind(results, "audio-visual")
    if not found:
        return NOT_YET
    rows = [
        [result["what"] if n == 0 else "", _PARTS[part], f"{seconds:.3g} s"]
        for result in found
        for n, (part, seconds) in enumerate(result["median"].items())
    ]
    return "\n\n".join([markdown(["work", "", "median time"], rows), where(found)])
