"""`avfront enhance`: the sound of one class of a video, by a trained system."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from avfront.cli.app import app
from avfront.cli.options import Debug, Device, Folder, Force, Json, Quiet, Trained
from avfront.cli.running import failing_well, summarize, work
from avfront.errors import AvfrontError

if TYPE_CHECKING:
    from avfront.enhancement import Rule


@app.command(
    epilog="""
**Examples**

`avfront enhance clip.mp4 --system trained/ --label dog -o out/`

`avfront enhance clip.mp4 --system trained/ --mask 0.1 -o out/`
"""
)
def enhance(
    video: Annotated[Path, typer.Argument(metavar="FILE", help="A video with sound.")],
    system: Trained,
    output: Folder,
    label: Annotated[
        str | None,
        typer.Option(metavar="CLASS", help="Whose sound; default: the class that the system finds most surely."),
    ] = None,
    mask: Annotated[
        str,
        typer.Option(
            metavar="RULE",
            help="Which components are the class's: **adaptive** (by a threshold chosen for the clip), **soft** (each"
            " by its relevance), or a threshold from 0 to 1.",
        ),
    ] = "adaptive",
    device: Device = "auto",
    force: Force = False,
    json_: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Write the sound of a class as CLASS.wav and what remains of the mixture as rest.wav (mono, 16 kHz)."""
    with failing_well(debug, torch="mil"):
        from avfront.enhancement import EnhancementJob, run

        job = EnhancementJob(video, system, output, label, _rule(mask), device, force)
        outcome = work(lambda progress: run(job, progress), show=not (quiet or json_))
        of = f"'{outcome.report['label']}' out of {video.name}"
        summarize(outcome, of, as_json=json_, quiet=quiet)


def _rule(text: str) -> "Rule":
    named: dict[str, Rule] = {"adaptive": "adaptive", "soft": "soft"}
    if text in named:
        return named[text]
    try:
        return float(text)
    except ValueError:
        raise AvfrontError(
            f"--mask {text} is not known", remedy="write adaptive, soft, or a threshold from 0 to 1", usage=True
        ) from None
