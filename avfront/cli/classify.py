"""`avfront classify`: which of its classes a trained system finds in videos."""

from pathlib import Path
from typing import Annotated

import typer

from avfront.cli.app import app
from avfront.cli.options import Debug, Device, Json, Quiet
from avfront.cli.running import failing_well, work


@app.command(epilog="`avfront classify clip.mp4 --system system/`")
def classify(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Videos.")],
    system: Annotated[
        list[Path],
        typer.Option(metavar="FOLDER", help="What avfront train has written; of several, the scores are added."),
    ],
    device: Device = "auto",
    json_: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Tell which classes videos show; those above their threshold are in bold. Exit status 1 if a file failed."""
    with failing_well(debug, torch="mil"):
        from avfront.cli.classes import tell_classes
        from avfront.mil.classify import classify as run

        found, errors = work(lambda progress: run(files, system, device=device, progress=progress), show=not quiet)
        if (found and not quiet) or json_:
            tell_classes(found, as_json=json_)
        for error in errors:
            typer.echo(f"avfront: {error}", err=True)
        if errors:
            raise typer.Exit(1)
