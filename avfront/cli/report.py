"""`avfront report`: one page of a finished job."""

from pathlib import Path
from typing import Annotated

import typer

from avfront.cli.app import app
from avfront.cli.options import Debug, Force
from avfront.cli.running import failing_well


@app.command(epilog="`avfront report out/`")
def report(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="What avfront separate has written.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Default: FOLDER/report.html.")
    ] = None,
    force: Force = False,
    debug: Debug = False,
) -> None:
    """Make one self-contained HTML page of a finished job: players, spectrograms, directions, examples, convergence."""
    with failing_well(debug):
        from avfront.job import PAGE
        from avfront.page import write

        typer.echo(str(write(folder, output or folder / PAGE, force=force)))
