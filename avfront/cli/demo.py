"""`avfront demo`: a recording to try things on."""

from pathlib import Path
from typing import Annotated

import typer

from avfront.cli.app import app
from avfront.cli.options import Debug, Force, Json, Quiet
from avfront.cli.running import failing_well, tell, work


@app.command(epilog="`avfront demo -o out/`")
def demo(
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FOLDER", help="Folder for the recording and its sources."),
    ] = Path("avfront-demo"),
    seed: Annotated[int, typer.Option(min=0, help="Another seed: other noise in another room.")] = 0,
    force: Force = False,
    json_: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Make a stereo recording of speech in noise in a simulated room, and separate and score it."""
    with failing_well(debug):
        from avfront.demo import run_demo

        outcome = work(
            lambda progress: run_demo(output, seed=seed, force=force, progress=progress),
            show=not (quiet or json_),
        )
        tell([outcome], as_json=json_, quiet=quiet, one=True)
        if not (quiet or json_):
            typer.echo(
                f"The same from its files: avfront separate {output}/mix.wav --sources"
                f" speech={output}/examples/speech noise={output}/examples/noise -o FOLDER"
            )
