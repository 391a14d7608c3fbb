"""What a finished job shows on the terminal."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from avfront.scores import MEASURES

if TYPE_CHECKING:
    from avfront.job import Outcome


def files(outcome: "Outcome") -> Group:
    """The files written, and the level of each source beside the mixture."""
    report = outcome.report
    facts = report["mixture"]
    channels = {1: "mono", 2: "stereo"}.get(facts["channels"], f"{facts['channels']} channels")
    title = (
        f"{_shown(facts['path'])}: {facts['seconds']:.1f} s, {channels}, {facts['rate'] / 1000:g} kHz;"
        f" {report['method']}, {outcome.timings['total']:.1f} s in all"
    )
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("source")
    table.add_column("level", justify="right")
    table.add_column("SNR", justify="right")
    table.add_column("file", overflow="fold")
    for source in report["sources"]:
        level = source["level_db"]
        table.add_row(
            source["name"],
            "silent" if level is None else f"{level:+.1f} dB",
            "" if source["snr_db"] is None else f"{source['snr_db']:+.1f} dB",
            Text(_shown(outcome.files[source["name"]])),
        )
    for name in ("picture", "map", "video", "model", "report"):
        if name in outcome.files:
            table.add_row("", "", "", Text(_shown(outcome.files[name])))
    return Group(Text(title, style="bold"), table)


def scores(values: dict[str, Any]) -> Group:
    """Measures of each source in dB, as the mixture has them and as separated."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("source")
    table.add_column("")
    for measure in MEASURES:
        table.add_column(measure, justify="right")
    for name, rows in values.items():
        for label, style in (("mixture", "dim"), ("separated", "")):
            cells = [_decibels(rows[label][measure]) for measure in MEASURES]
            table.add_row(name if label == "mixture" else "", label, *cells, style=style)
    return Group(Text("BSS Eval v4 of the source images, dB", style="bold"), table)


def _shown(path: Path | str) -> str:
    """A path for the terminal, whatever bytes its name is made of."""
    return str(path).encode("utf-8", "backslashreplace").decode()


def _decibels(value: float | None) -> str:
    """One decimal; beyond 100 dB there is nothing but rounding, and no minus before a zero."""
    if value is None:
        return "-"
    return "\N{INFINITY}" if value > 100 else f"{round(value, 1) + 0.0:.1f}"
