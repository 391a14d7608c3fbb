"""What a finished job shows on the terminal."""

from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table

from avfront.scores import MEASURES

if TYPE_CHECKING:
    from avfront.job import Outcome


def files(outcome: "Outcome") -> Table:
    """The files written, and the level of each source beside the mixture."""
    report = outcome.report
    facts = report["mixture"]
    seconds, total = facts["seconds"], outcome.timings["total"]
    channels = {1: "mono", 2: "stereo"}.get(facts["channels"], f"{facts['channels']} channels")
    title = (
        f"{facts['path']}: {seconds:.1f} s, {channels}, {facts['rate'] / 1000:g} kHz;"
        f" {report['method']}, {total:.1f} s in all"
    )
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold")
    table.add_column("source")
    table.add_column("level", justify="right")
    table.add_column("file", overflow="fold")
    for source in report["sources"]:
        level = source["level_db"]
        table.add_row(
            source["name"],
            "silent" if level is None else f"{level:+.1f} dB",
            str(outcome.files[source["name"]]),
        )
    for name in ("picture", "report"):
        if name in outcome.files:
            table.add_row("", "", str(outcome.files[name]))
    return table


def scores(values: dict[str, Any]) -> Table:
    """Measures of each source in dB, as the mixture has them and as separated."""
    table = Table(
        box=box.SIMPLE_HEAD,
        title="BSS Eval v4 of the source images, dB",
        title_justify="left",
        title_style="bold",
    )
    table.add_column("source")
    table.add_column("")
    for measure in MEASURES:
        table.add_column(measure, justify="right")
    for name, rows in values.items():
        for label, style in (("mixture", "dim"), ("separated", "")):
            cells = ["-" if rows[label][m] is None else f"{rows[label][m]:.1f}" for m in MEASURES]
            table.add_row(name if label == "mixture" else "", label, *cells, style=style)
    return table
