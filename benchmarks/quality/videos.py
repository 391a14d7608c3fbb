"""Real videos through every method of separation by motion: that none fails, and the time and memory that each takes.

    python -m benchmarks.quality.videos [--quick]
    python -m benchmarks.quality.videos --show       the table of the kept result

The videos are those of `video/` of the recordings; the times are of the command line, from the command to the files.
What is done is kept beside the result (`.progress`).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import commands, recordings, tables

NAME = "quality-videos"
TITLE = "Real videos through every method"
METHODS = {
    "regression, timbre": (),
    "regression, LS": ("--estimator", "ls"),
    "regression, spLS": ("--estimator", "spls"),
    "regression, joint": ("--estimator", "joint"),
    **{name: ("--method", name) for name in ("soft-coupled", "mel", "motion-init", "motion-cluster")},
}


def measure(quick: bool) -> dict[str, Any]:
    """All rows; with `quick` those of the default method."""
    result = tables.stamp(NAME, 0)
    progress = tables.Progress(NAME, {"kernel_sha256": result["kernel_sha256"]})
    videos = sorted(path for path in (recordings.folder() / "video").iterdir() if path.suffix in {".mp4", ".mpg"})
    rows = []
    for method in list(METHODS)[: 1 if quick else None]:
        for path in videos:
            unit = f"{path.name}, {method}"
            if unit not in progress.done:
                with tempfile.TemporaryDirectory() as folder:
                    spent = commands.separate(path, Path(folder) / "out", *METHODS[method])
                progress.add(unit, [{"video": path.name, "method": method, **spent}])
            rows += progress.done[unit]
    return result | {"rows": rows}


def table(result: dict[str, Any]) -> str:
    """The Markdown table: a row per video and method."""
    lines = [
        [
            f"{row['video']}: {row['method']}",
            f"{row['seconds']:.1f}",
            f"{row['cpu_seconds']:.1f}",
            f"{row['peak_mb']:.0f}",
            f"{row['objects']}",
        ]
        for row in sorted(result["rows"], key=lambda row: str(row["video"]))
    ]
    return tables.markdown(["video: method", "s", "s of one core", "MB", "objects"], lines)


def caption(result: dict[str, Any]) -> str:
    """What the table shows."""
    return (
        "Videos of 3 to 12 s, by the command line from the command to the files; none failed."
        " Objects: how many were found, without boxes. Other programs ran on the machine: the seconds of one core tell"
        f" more than the seconds. {result['machine']['cpu']}, {result['date']}."
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality.videos", description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="the default method only")
    parser.add_argument("--show", action="store_true", help="only show the kept result")
    options = parser.parse_args(arguments)
    if options.show:
        result = tables.read(NAME)
    else:
        result = measure(options.quick)
        print(tables.write(NAME, result), file=sys.stderr)
        if not options.quick:
            tables.Progress.forget(NAME)
    print(table(result), caption(result), sep="\n\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
