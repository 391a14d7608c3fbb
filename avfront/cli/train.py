"""`avfront train`: a system that tells classes of videos, from examples with labels."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from avfront.cli.app import app
from avfront.cli.options import LIMITS, Debug, Device, Folder, Force, Json, Quiet
from avfront.cli.running import failing_well, work

_system = partial(typer.Option, rich_help_panel="System")
_learning = partial(typer.Option, rich_help_panel="Learning")
_limit = partial(typer.Option, rich_help_panel=LIMITS)


@app.command(
    epilog="""
**Examples**

`avfront train manifest.csv -o system/`

`avfront train kinetics/ -o system/ --modalities audio --audio tsp`

The manifest has the columns path, labels (separated by ;) and split (train, validation or test); also begin and end
(s) where a clip is a part of its file. A folder with train/CLASS/VIDEO and validation/CLASS/VIDEO does as well. Clips
that cannot be used are skipped and listed. Started again, an interrupted run goes on.
"""
)
def train(
    manifest: Annotated[Path, typer.Argument(metavar="MANIFEST", help="CSV file, or folder of splits and classes.")],
    output: Folder,
    pooling: Annotated[
        str, _system(metavar="NAME", help="two-stream, one-stream, synchronous, wsddn or attention.")
    ] = "two-stream",
    modalities: Annotated[str, _system(metavar="NAME", help="audio-visual, audio or visual.")] = "audio-visual",
    audio: Annotated[
        str, _system(metavar="NAME", help="What is heard: tsp (segments of time), ncp (NMF components) or both.")
    ] = "both",
    sharpness: Annotated[float, _system(min=0, help="How sharply proposals are told apart; the papers' is 1.")] = 2.0,
    audio_network: Annotated[str, _system(metavar="NAME", help="small or vggish.")] = "small",
    visual_network: Annotated[str, _system(metavar="NAME", help="small or alexnet.")] = "small",
    audio_weights: Annotated[Path | None, _system(metavar="FILE", help="Begin from these instead of chance.")] = None,
    visual_weights: Annotated[Path | None, _system(metavar="FILE", help="Begin from these instead of chance.")] = None,
    finetune: Annotated[
        bool, _learning("--finetune", metavar="", help="Train the base networks with the heads, too.")
    ] = False,
    steps: Annotated[int, _learning(min=1, help="Updates of the heads, at most.")] = 2000,
    base_steps: Annotated[int, _learning(min=1, help="Updates of each base network, at most.")] = 600,
    batch: Annotated[int, _learning(min=1, help="Clips of an update of the heads.")] = 24,
    base_batch: Annotated[int, _learning(min=1, help="Clips of an update of a base network.")] = 16,
    accumulate: Annotated[int, _learning(min=1, help="Parts in which an update is computed, to save memory.")] = 1,
    rate: Annotated[float, _learning(help="Step size of Adam for the heads.")] = 1e-3,
    patience: Annotated[int, _learning(min=1, help="Validations without a better one, then it ends.")] = 10,
    seed: Annotated[int, _learning(min=0, help="The same seed gives the same system.")] = 0,
    memory: Annotated[float, _limit(metavar="GB", min=0, help="For clips that were read.")] = 4.0,
    workers: Annotated[int, _limit(min=0, help="Processes that read clips.")] = 0,
    device: Device = "auto",
    force: Force = False,
    json_: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Learn to tell, place and separate classes from videos of which only the classes are known."""
    with failing_well(debug, interrupted="start it again to go on from there", torch="mil"):
        from avfront.mil.job import BASE, TrainingJob
        from avfront.mil.job import train as run
        from avfront.mil.network import Variant
        from avfront.mil.schedule import Schedule

        given = {"audio": audio_weights, "visual": visual_weights}
        shared: Any = {"accumulate": accumulate, "workers": workers, "seed": seed}
        job = TrainingJob(
            manifest,
            output,
            Variant(pooling, modalities, audio, sharpness=sharpness),
            {"audio": audio_network, "visual": visual_network},
            {name: path for name, path in given.items() if path is not None},
            Schedule(steps=steps, batch=batch, rate=rate, patience=patience, **shared),
            replace(BASE, steps=base_steps, batch=base_batch, **shared),
            finetune=finetune,
            memory=1e9 * memory,
            device=device,
            force=force,
        )
        trained = work(lambda progress: run(job, progress), show=not (quiet or json_))
        from avfront.cli.classes import tell_training

        tell_training(trained.report, output, as_json=json_, quiet=quiet)
