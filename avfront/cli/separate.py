"""`avfront separate`: options in, a job, a table or JSON out. What a job does is :mod:`avfront.pipeline`'s."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from avfront.cli.app import app
from avfront.cli.options import LIMITS, OUT, Debug, Device, Force, Json, Quiet
from avfront.cli.running import failing_well, tell, work
from avfront.cli.words import ManyWords, adaptive_counts, counts, directions, files_by_name, refuse
from avfront.errors import AvfrontError

if TYPE_CHECKING:
    from avfront.motion_job import MotionJob

_MODEL, _ROOM, _MOTION = "Model", "Microphones", "Motion"


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
    mix: Annotated[
        list[Path],
        typer.Argument(
            metavar="MIX...",
            help="The recording: wav, flac, ogg, mp3, ...; with --motion a video. Of several recordings, each has its"
            " folder in FOLDER.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where NAME.wav and the report go.")],
    sources: Annotated[
        list[str] | None,
        typer.Option(
            "--sources",
            metavar="NAME=FILES",
            help="What is to be heard in MIX, and examples of it: NAME=file,file,folder (with all"
            " that is in it). Several in a row, or the option again.",
        ),
    ] = None,
    background: Annotated[
        int | None,
        typer.Option(
            metavar="K",
            min=0,
            help="Add background.wav for what has no examples: K free spectral patterns. Default 0,"
            " but 10 for a single source.",
        ),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="**spatial**: by spectra and by where the sound comes from; default from 2"
            " channels on. **gssm**: by spectra alone; default for mono. By motion: **regression** (default for"
            " videos), **soft-coupled** (default with --mocap), **mel**, **motion-init**, **motion-cluster**.",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    variance_model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Of spatial: **joint** (default); as published **separation**, **denoising**, and, without"
            " examples, **nmf**, **free**.",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    components: Annotated[
        str | None,
        typer.Option(
            metavar="K",
            help="Spectral patterns per example: 32 or, by source, speech=32,noise=16. Default 32;"
            " with spatial 16 for a source named noise. By motion: per object, default 15 or 4.",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    adaptive: Annotated[
        str | None,
        typer.Option(
            metavar="NAME=K",
            help="Of spatial: spectral patterns learned from MIX itself, for a source that may"
            " sound unlike its examples. Default noise=8; 0 for none.",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    covariance: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Of spatial: **full**, **diagonal** (a smaller model, faster beyond 8 channels), or **auto**"
            " (default): full, beyond 4 channels from where diagonal ends.",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    sparsity: Annotated[
        float | None,
        typer.Option(
            metavar="LAMBDA",
            min=0.0,
            help="Use few examples: weight of group sparsity. Default 0 (joint), 10 (published).",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    groups: Annotated[
        str | None,
        typer.Option(
            metavar="KIND",
            help="Of spatial's sparsity: **mixed** (default), **block** (whole examples), **component**.",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    fits: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Of spatial: fits with other dictionaries that are averaged; 1 is the fastest. Default 3 up to 2"
            " channels, else 1.",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    iterations: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Default 40 (spatial; published models 15), 100 (gssm), 200 (regression), 100 (others by motion).",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(metavar="N", min=0, help="The same seed gives the same files.", rich_help_panel=_MODEL),
    ] = 0,
    motion: Annotated[
        bool,
        typer.Option(
            "--motion",
            help="MIX is a video: separate what is seen to move. Writes object1.wav, ..., overlay.mp4.",
            rich_help_panel=_MOTION,
        ),
    ] = False,
    boxes: Annotated[
        list[str] | None,
        typer.Option(
            "--boxes",
            metavar="X,Y,W,H",
            help="Around each object in the first frame, in pixels. Without: moving regions are looked for.",
            rich_help_panel=_MOTION,
        ),
    ] = None,
    objects: Annotated[
        int | None,
        typer.Option(metavar="J", min=1, help="How many objects to look for.", rich_help_panel=_MOTION),
    ] = None,
    mocap: Annotated[
        list[str] | None,
        typer.Option(
            "--mocap",
            metavar="NAME=TABLE",
            help="Motion capture of each source (CSV, TSV), in place of pictures; MIX may be a sound file.",
            rich_help_panel=_MOTION,
        ),
    ] = None,
    mocap_rate: Annotated[
        float | None,
        typer.Option(
            metavar="HZ", min=1e-3, help="Rows per second of tables that do not tell.", rich_help_panel=_MOTION
        ),
    ] = None,
    estimator: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Of regression: **timbre** (default), **ls**, **spls** or **joint**.",
            rich_help_panel=_MOTION,
        ),
    ] = None,
    restarts: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Random starts; the best is kept. Default 5.", rich_help_panel=_MOTION),
    ] = None,
    delay: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS", help="By which the picture is late. Default: estimated.", rich_help_panel=_MOTION
        ),
    ] = None,
    overlay: Annotated[
        bool, typer.Option("--overlay/--no-overlay", help="Write overlay.mp4.", rich_help_panel=_MOTION)
    ] = True,
    mic_distance: Annotated[
        float | None,
        typer.Option(
            metavar="METRES",
            help="From one microphone to the next, on a line. Stereo without it: 0.086.",
            rich_help_panel=_ROOM,
        ),
    ] = None,
    array: Annotated[
        Path | None,
        typer.Option(
            metavar="JSON",
            help="Positions in metres, one per channel: [[x, y, z], ...].",
            rich_help_panel=_ROOM,
        ),
    ] = None,
    doa: Annotated[
        list[str] | None,
        typer.Option(
            "--doa",
            metavar="NAME=DEGREES",
            help="Where a source is: azimuth from the array's x axis to its y axis, or azimuth:elevation."
            " Found by itself where it is not given.",
            rich_help_panel=_ROOM,
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            metavar="KIND",
            help="Spatial covariances to begin with: **directions**, **weights** (where a source's spectra dominate;"
            " needs no geometry), **clusters**. Default: by what is known.",
            rich_help_panel=_ROOM,
        ),
    ] = None,
    beam: Annotated[
        str | None,
        typer.Option(
            metavar="KIND",
            help="Sources as one channel, by a beam: **mvdr** or **rank1**. They do not add up to MIX.",
            rich_help_panel=OUT,
        ),
    ] = None,
    save_model: Annotated[
        bool,
        typer.Option(
            "--save-model",
            help="Keep the fitted model (of segments the last one's, where sources were at the end) for --load-model:"
            " model.safetensors.",
            rich_help_panel=OUT,
        ),
    ] = False,
    load_model: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Begin from a kept model.", rich_help_panel=_MODEL),
    ] = None,
    reference: Annotated[
        list[str] | None,
        typer.Option(
            "--reference",
            metavar="NAME=FILE",
            help="The true sound of a source at all microphones: adds SDR, ISR, SIR, SAR.",
            rich_help_panel=OUT,
        ),
    ] = None,
    picture: Annotated[
        bool, typer.Option("--picture/--no-picture", help="Draw spectrogram.png and the like.", rich_help_panel=OUT)
    ] = True,
    force: Force = False,
    json_: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
    device: Device = "auto",
    segment: Annotated[
        float,
        typer.Option(
            "--blocks",
            "--segment",
            metavar="SECONDS",
            min=0.0,
            help="Longer recordings are separated in overlapping blocks; 0: as a whole.",
            rich_help_panel=LIMITS,
        ),
    ] = 60.0,
    example_seconds: Annotated[
        float,
        typer.Option(
            "--examples",
            metavar="SECONDS",
            min=0.1,
            help="Use that much of an example.",
            rich_help_panel=LIMITS,
        ),
    ] = 60.0,
    memory: Annotated[
        float | None,
        typer.Option(metavar="GB", min=0.0, help="Default: half of the machine's.", rich_help_panel=LIMITS),
    ] = None,
) -> None:
    """Separate recordings into their sources.

    Writes one sound file per source, with the channels, rate and length of MIX; together they add up to it.
    """
    with failing_well(debug):
        from avfront.batch import run as run_jobs
        from avfront.job import Job
        from avfront.sources import parse

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
            }
            refuse(by_example, "separation by motion")
            if len(mix) > 1:
                raise AvfrontError(
                    "separation by motion takes one MIX at a time", remedy="call it for each", usage=True
                )
            from avfront.motion_job import separate as run_motion_job

            moving = replace(
                _motion_job(mix[0], output, method, components, iterations, mocap, by_motion),
                references=files_by_name(reference or []),
                seed=seed,
                device=device,
                force=force,
                picture=picture,
                video=overlay,
                memory_gb=memory,
            )
            outcome = work(lambda progress: run_motion_job(moving, progress), show=not (quiet or json_))
            tell([outcome], as_json=json_, quiet=quiet, one=True)
            return
        refuse(by_motion, "separation by examples")
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
            references=files_by_name(reference or []),
            seed=seed,
            device=device,
            force=force,
            picture=picture,
            segment_seconds=segment,
            example_seconds=example_seconds,
            memory_gb=memory,
        )
        outcomes, errors = work(lambda progress: run_jobs(job, mix, progress), show=not (quiet or json_))
        tell(outcomes, as_json=json_, quiet=quiet, one=len(mix) == 1)
        for error in errors:
            typer.echo(f"avfront: {error}", err=True)
        if errors:
            raise typer.Exit(1)


def _motion_job(
    mix: Path,
    output: Path,
    method: str | None,
    components: str | None,
    iterations: int | None,
    mocap: Sequence[str] | None,
    options: Mapping[str, Any],
) -> "MotionJob":
    from avfront.methods.motion import ByMotion
    from avfront.motion.regions import Box
    from avfront.motion_job import MotionJob

    count = counts(components, "--components", "15", least=1)
    if isinstance(count, dict):
        raise AvfrontError(f"--components {components} names sources", remedy="write one number", usage=True)
    if mocap:
        refuse({"--boxes": options["--boxes"], "--objects": options["--objects"]}, "a job with --mocap")
    else:
        refuse({"--mocap-rate": options["--mocap-rate"]}, "a job without --mocap")
    if options["--boxes"]:
        refuse({"--objects": options["--objects"]}, "a job with --boxes")
    from avfront.sources import check_name

    tables = files_by_name(mocap or [], "--mocap")
    for source in tables:
        check_name(source)
    name = method or ("soft-coupled" if mocap else "regression")
    if name != "regression":
        refuse({"--estimator": options["--estimator"]}, f"the method {name}")
    return MotionJob(
        mixture=mix,
        output=output,
        boxes=[Box.parse(text) for text in options["--boxes"] or []],
        objects=options["--objects"],
        tables=tables,
        table_rate=options["--mocap-rate"],
        method=ByMotion(
            name,
            options["--estimator"] or ByMotion.estimator,
            count,
            iterations,
            options["--restarts"] or ByMotion.restarts,
        ),
        delay=options["--delay"],
    )
