"""`avfront localize`: where and when a video shows and sounds of its classes, by a trained system."""

from pathlib import Path
from typing import Annotated

import typer

from avfront.cli.app import app
from avfront.cli.options import Debug, Device, Folder, Force, Json, Quiet, Trained
from avfront.cli.running import failing_well, summarize, work


@app.command(
    epilog="""
**Examples**

`avfront localize clip.mp4 --system trained/ -o out/`

`avfront localize clip.mp4 --system trained/ --label dog --label siren -o out/`
"""
)
def localize(
    video: Annotated[Path, typer.Argument(metavar="FILE", help="A video with sound.")],
    system: Trained,
    output: Folder,
    label: Annotated[
        list[str] | None,
        typer.Option(metavar="CLASS", help="A class; again for more. Default: those that the system finds."),
    ] = None,
    threshold: Annotated[
        float, typer.Option(metavar="TAU", help="Score above which a window of the sound counts as heard.")
    ] = 0.0,
    device: Device = "auto",
    force: Force = False,
    json_: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Write the video with boxes and the heat of its sound (overlay.mp4), pictures of both, and the report."""
    with failing_well(debug, torch="mil"):
        from avfront.localization import LocalizationJob, run

        job = LocalizationJob(video, system, output, tuple(label or ()), threshold, device, force)
        outcome = work(lambda progress: run(job, progress), show=not (quiet or json_))
        heard = [
            f"{one['label']}: " + (", ".join(f"{begin:.1f}-{end:.1f} s" for begin, end in one["heard"]) or "not heard")
            for one in outcome.report["localized"]
        ]
        summarize(outcome, "; ".join(heard), as_json=json_, quiet=quiet)
