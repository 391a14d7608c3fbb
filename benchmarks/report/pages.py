"""Which page has which sections. Only what stands between `<!-- measured:NAME -->` and its end is replaced."""

import re
import sys
from collections.abc import Callable, Iterable

from . import acceleration, audio_visual, estimators, growth, job, kernels, models, quality, speed
from .results import IMAGES, ROOT, Result, load

PAGES = {
    ROOT / "README.md": ("speed", "job", "quality"),
    ROOT / "docs" / "benchmarks.md": ("kernels", "growth", "less", "estimators", "models", "audio-visual"),
    ROOT / "docs" / "quality.md": tuple(quality.SECTIONS),
}
SECTIONS: dict[str, Callable[[list[Result]], str]] = {
    "speed": speed.section,
    "job": job.section,
    "quality": quality.section,
    "kernels": kernels.section,
    "growth": growth.section,
    "less": acceleration.section,
    "estimators": estimators.section,
    "models": models.section,
    "audio-visual": audio_visual.section,
    **quality.SECTIONS,
}


def rewrite(text: str, results: list[Result], names: Iterable[str]) -> str:
    r"""A page's text with its measured parts made anew.

    >>> print(rewrite("<!-- measured:job -->\nold\n<!-- /measured:job -->", [], ["job"]))
    <!-- measured:job -->
    *Not measured yet: `make bench bench-report`.*
    <!-- /measured:job -->
    """
    for name in names:
        pattern = re.compile(rf"(<!-- measured:{name} -->\n).*?(<!-- /measured:{name} -->)", re.DOTALL)
        if not pattern.search(text):
            sys.exit(f"a page has no <!-- measured:{name} --> ... <!-- /measured:{name} -->; put them back")
        body = SECTIONS[name](results)
        text = pattern.sub(lambda match, body=body: f"{match[1]}{body}\n{match[2]}", text)  # type: ignore[misc]
    return text


def main() -> None:
    """Read the results, draw, and rewrite the pages."""
    import matplotlib

    matplotlib.use("Agg")
    results = load()
    IMAGES.mkdir(parents=True, exist_ok=True)
    for part in (speed, kernels, growth):
        part.draw(results)
    for page, names in PAGES.items():
        page.write_text(rewrite(page.read_text(encoding="utf-8"), results, names), encoding="utf-8")
    print(f"{', '.join(page.name for page in PAGES)} and docs/img/ now show {len(results)} result files")
