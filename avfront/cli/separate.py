"""`avfront separate`: options in, a job, a table or JSON out. What a job does is :mod:`avfront.separation`'s."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import typer

from avfront.cli import separate_options as given
from avfront.cli.app import app
from avfront.cli.by_motion import motion_job
from avfront.cli.options import Debug, Device, Force, Json, Quiet
from avfront.cli.running import failing_well, tell, work
from avfront.cli.words import ManyWords, adaptive_counts, counts, directions, files_by_name, refuse
from avfront.errors import AvfrontError


@app.command(
    cls=ManyWords,
    epilog="""
**Examples**

`avfront separate mix.wav --sources speech=a.flac,b.flac noise=dir/ -o out/`

`avfront separate mix.wav --sources speech=voices/ --background 10 -o out/`

`avfront separate room.wav --array mics.json --sources violin=v.wav cello=c.wav -o out/`

`avfront separate takes/*.wav --array mics.json --doa speech=90 --sources speech=voices/ noise=dir/ -o out/`

`avfront separate duo.mp4 --motion -o out/`

`avfront separate mix.wav --mocap violin=bow1.csv cello=bow2.csv -o out/`

**Exit status**: 0 done, 1 failed, 2 wrong call, 130 interrupted. Only a finished job leaves files behind.
""",
)
def separate(
    mix: given.Mix,
    output: given.Output,
    sources: given.Sources = None,
    background: given.Background = None,
    method: given.Method = None,
    variance_model: given.VarianceModel = None,
    components: given.Components = None,
    adaptive: given.Adaptive = None,
    covariance: given.Covariance = None,
    sparsity: given.Sparsity = None,
    groups: given.Groups = None,
    fits: given.Fits = None,
    iterations: given.Iterations = None,
    seed: given.Seed = 0,
    motion: given.Motion = False,
    boxes: given.Boxes = None,
    objects: given.Objects = None,
    mocap: given.Mocap = None,
    mocap_rate: given.MocapRate = None,
    estimator: given.Estimator = None,
    restarts: given.Restarts = None,
    delay: given.Delay = None,
    overlay: given.Overlay = True,
    mic_distance: given.MicDistance = None,
    array: given.Array = None,
    doa: given.Doa = None,
    start: given.Start = None,
    beam: given.Beam = None,
    save_model: given.SaveModel = False,
    load_model: given.LoadModel = None,
    reference: given.Reference = None,
    picture: given.Picture = True,
    force: Force = False,
    json_: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
    device: Device = "auto",
    segment: given.Segment = None,
    example_seconds: given.ExampleSeconds = None,
    memory: given.Memory = None,
) -> None:
    """Separate recordings into their sources.

    Writes one sound file per source, with the channels, rate and length of MIX; together they add up to it.
    """
    with failing_well(debug):
        from avfront.separation import Job
        from avfront.separation import run as run_jobs
        from avfront.sources import parse

        shared: dict[str, Any] = {
            "references": files_by_name(reference or []),
            "seed": seed,
            "device": device,
            "force": force,
            "picture": picture,
            "memory_gb": memory,
        }
        by_motion = {
            "--boxes": boxes,
            "--objects": objects,
            "--mocap-rate": mocap_rate,
            "--estimator": estimator,
            "--restarts": restarts,
            "--delay": delay,
        }
        if motion or mocap:
            by_example = {
                "--sources": sources,
                "--background": background,
                "--variance-model": variance_model,
                "--adaptive": adaptive,
                "--mic-distance": mic_distance,
                "--array": array,
                "--covariance": covariance,
                "--sparsity": sparsity,
                "--groups": groups,
                "--fits": fits,
                "--doa": doa,
                "--start": start,
                "--beam": beam,
                "--save-model": save_model or None,
                "--load-model": load_model,
                "--blocks": segment,
                "--examples": example_seconds,
            }
            refuse(by_example, "separation by motion")
            if len(mix) > 1:
                raise AvfrontError(
                    "separation by motion takes one MIX at a time", remedy="call it for each", usage=True
                )
            from avfront.motion_job import separate as run_motion_job

            moving = replace(
                motion_job(mix[0], output, method, components, iterations, mocap, by_motion),
                video=overlay,
                **shared,
            )
            outcome = work(lambda progress: run_motion_job(moving, progress), show=not (quiet or json_))
            tell([outcome], as_json=json_, quiet=quiet, one=True)
            return
        refuse(by_motion, "separation by examples")
        _refuse_words(mix)
        job = Job(
            mixture=mix[0],
            sources=parse(sources or []),
            output=output,
            method=method,
            options={
                "background": background,
                "variance_model": variance_model,
                "components": counts(components, "--components", "speech=32,noise=16", least=1),
                "adaptive": adaptive_counts(adaptive),
                "iterations": iterations,
                "fits": fits,
                "covariance": covariance,
                "sparsity": sparsity,
                "groups": groups,
                "start": start,
                "doa": directions(doa or []),
                "beam": beam,
            },
            save_model=save_model,
            load_model=load_model,
            mic_distance=mic_distance,
            array=array,
            segment_seconds=Job.segment_seconds if segment is None else segment,
            example_seconds=Job.example_seconds if example_seconds is None else example_seconds,
            **shared,
        )
        outcomes, errors = work(lambda progress: run_jobs(job, mix, progress), show=not (quiet or json_))
        tell(outcomes, as_json=json_, quiet=quiet, one=len(mix) == 1)
        for error in errors:
            typer.echo(f"avfront: {error}", err=True)
        if errors:
            raise typer.Exit(1)


def _refuse_words(mix: Sequence[Path]) -> None:
    """Raise for what was surely not meant as a recording that is separated by examples."""
    from avfront.listings import MEDIA

    for path in mix:
        if "=" in str(path) and not path.exists():
            raise AvfrontError(
                f"'{path}' stands where a recording is expected",
                remedy="write commas between the files of a source, as in speech=a.flac,b.flac",
                usage=True,
            )
        if path.suffix.casefold() in MEDIA:
            raise AvfrontError(
                "this is a video",
                file=path,
                remedy="add --motion to separate it by what is seen to move, or save its sound as wav",
                usage=True,
            )
