"""`avfront demo`: a recording or a film to try things on."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from avfront.cli.app import app
from avfront.cli.options import Debug, Force, Json, Quiet
from avfront.cli.running import failing_well, tell, work


@app.command(
    epilog="""
**Examples**

`avfront demo -o out/`

`avfront demo --motion -o out/`
"""
)
def demo(
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FOLDER", help="Folder for the recording and its sources."),
    ] = Path("avfront-demo"),
    motion: Annotated[
        bool,
        typer.Option("--motion", metavar="", help="A film of two string players, separated by what is seen to move."),
    ] = False,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Another seed: other noise in another room.")] = 0,
    force: Force = False,
    json_: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Make a recording, and separate and score it: speech in noise in a simulated room, in stereo.

    With --motion: a film of two string players.
    """
    with failing_well(debug):
        from avfront.demos import motion as film
        from avfront.demos import stereo

        chosen = film if motion else stereo
        outcome = work(
            lambda progress: chosen.run_demo(output, seed=seed, force=force, progress=progress),
            show=not (quiet or json_),
        )
        tell([outcome], as_json=json_, quiet=quiet, one=True)
        if not (quiet or json_):
            typer.echo(f"The same from its files: {shlex.join(chosen.again(output, outcome.report))}")
