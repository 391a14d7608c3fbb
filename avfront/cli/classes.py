"""What the commands of the weakly supervised system show on the terminal."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table


def tell_training(report: dict[str, Any], folder: Path, *, as_json: bool, quiet: bool) -> None:
    """The scores of a trained system, and the clips that were skipped."""
    if as_json:
        _dump(report)
    if as_json or quiet:
        return
    for clip in report["skipped"]:
        typer.echo(f"skipped: {clip['reason']}", err=True)
    table = Table(box=box.SIMPLE_HEAD, title=f"{folder}", title_justify="left")
    for name in ("split", "clips", "F1", "precision", "recall", "mAP", "accuracy"):
        table.add_column(name, justify="left" if name == "split" else "right")
    for split, scores in report["scores"].items():
        values = (scores[name] for name in ("f1", "precision", "recall", "map", "accuracy"))
        table.add_row(split, str(report["clips"][split]), *(f"{value:.1%}" for value in values))
    Console(highlight=False).print(table)


def tell_classes(found: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    """Classes of files with their scores, the surest first; those that are said in bold."""
    if as_json:
        _dump(list(found))
        return
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("file", "class", "score", "threshold"):
        table.add_column(name, justify="right" if name in ("score", "threshold") else "left", overflow="fold")
    for clip in found:
        ranked = sorted(clip["scores"], key=lambda kind: clip["thresholds"][kind] - clip["scores"][kind])
        for place, kind in enumerate(ranked[: max(3, len(clip["classes"]))]):
            row = (
                escape(clip["path"]) if place == 0 else "",
                escape(kind),
                f"{clip['scores'][kind]:.3f}",
                f"{clip['thresholds'][kind]:.3f}",
            )
            table.add_row(*row, style="bold" if kind in clip["classes"] else None)
    Console(highlight=False).print(table)


def _dump(content: Any) -> None:
    sys.stdout.write(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
