"""The command line: options in, a job, a table or JSON out. What a job does is :mod:`avfront.pipeline`'s."""

import contextlib
import math
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeVar

import typer
import typer.core

from avfront.errors import AvfrontError

if TYPE_CHECKING:
    from avfront.job import Outcome, Progress
    from avfront.motion_job import MotionJob

app = typer.Typer(
    name="avfront",
    help="Separate recordings into their sources, by examples of what the sources sound like.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)

T = TypeVar("T")

_STAGES = {
    "room": "simulating the room",
    "read": "reading",
    "motion": "following what moves",
    "dictionary": "learning from the examples",
    "separate": "separating",
    "write": "writing",
    "score": "scoring",
    "picture": "drawing",
}


class ManyWords(typer.core.TyperCommand):
    """A command some of whose options take all the words that follow them and hold the sign named here."""

    many: ClassVar = {"--sources": "=", "--reference": "=", "--doa": "=", "--mocap": "=", "--boxes": ","}

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Repeat the option before each of its words, which is what the parser understands."""
        return super().parse_args(ctx, spread(args, self.many))


def spread(args: Sequence[str], options: Mapping[str, str]) -> list[str]:
    """``--sources a=x b=y`` as ``--sources a=x --sources b=y``.

    The words of an option end at the next word that begins with ``-`` or does not hold the option's sign.

    >>> spread(["mix.wav", "--sources", "a=x", "b=y", "-o", "out"], {"--sources": "="})
    ['mix.wav', '--sources', 'a=x', '--sources', 'b=y', '-o', 'out']
    """
    result: list[str] = []
    current = None
    for at, word in enumerate(args):
        if word == "--":
            return result + list(args[at:])
        if word.startswith("-"):
            name = word.partition("=")[0]
            current = name if name in options else None
            result.append(word)
        elif current is not None and result[-1] != current:
            if options[current] in word:
                result += [current, word]
            else:
                current = None
                result.append(word)
        else:
            result.append(word)
    return result


def run(args: Sequence[str]) -> int:
    """Run the command line with these words; returns the exit status."""
    try:
        status = app(args=list(args), prog_name="avfront", standalone_mode=True)
    except SystemExit as leaving:
        status = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    return int(status or 0)


def _version(wanted: bool) -> None:
    if wanted:
        import nmfcore

        typer.echo(f"avfront {nmfcore.__version__}")
        raise typer.Exit()


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Separate recordings into their sources, by examples of what the sources sound like."""


_MODEL, _ROOM, _MOTION = "Model", "Microphones", "Motion"
_OUT, _LIMITS = "Output", "Device and limits"


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
            help="Of spatial: **full** (default), or **diagonal**, a smaller model, faster beyond 8 channels.",
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
            help="Of regression: **ls** (default), **spls** or **joint**.",
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
            rich_help_panel=_OUT,
        ),
    ] = None,
    save_model: Annotated[
        bool, typer.Option("--save-model", help="Keep the fitted model: model.safetensors.", rich_help_panel=_OUT)
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
            rich_help_panel=_OUT,
        ),
    ] = None,
    picture: Annotated[
        bool, typer.Option("--picture/--no-picture", help="Draw spectrogram.png and the like.", rich_help_panel=_OUT)
    ] = True,
    force: Annotated[
        bool, typer.Option("--force", help="Replace outputs that are there already.", rich_help_panel=_OUT)
    ] = False,
    json_: Annotated[
        bool, typer.Option("--json", help="Print the report as JSON, and nothing else.", rich_help_panel=_OUT)
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print nothing but errors.", rich_help_panel=_OUT)
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error arose.", rich_help_panel=_OUT)] = False,
    device: Annotated[str, typer.Option(metavar="NAME", help="auto or cpu.", rich_help_panel=_LIMITS)] = "auto",
    segment: Annotated[
        float,
        typer.Option(
            "--blocks",
            "--segment",
            metavar="SECONDS",
            min=0.0,
            help="Longer recordings are separated in overlapping blocks; 0: as a whole.",
            rich_help_panel=_LIMITS,
        ),
    ] = 60.0,
    example_seconds: Annotated[
        float,
        typer.Option(
            "--examples",
            metavar="SECONDS",
            min=0.1,
            help="Use that much of an example.",
            rich_help_panel=_LIMITS,
        ),
    ] = 60.0,
    memory: Annotated[
        float | None,
        typer.Option(metavar="GB", min=0.0, help="Default: half of the machine's.", rich_help_panel=_LIMITS),
    ] = None,
) -> None:
    """Separate recordings into their sources.

    Writes one sound file per source, with the channels, rate and length of MIX; together they add up to it.
    """
    with _failing_well(debug):
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
            _refuse(by_example, "separation by motion")
            if len(mix) > 1:
                raise AvfrontError(
                    "separation by motion takes one MIX at a time", remedy="call it for each", usage=True
                )
            from avfront.motion_job import separate as run_motion_job

            moving = replace(
                _motion_job(mix[0], output, method, components, iterations, mocap, by_motion),
                references=_references(reference or []),
                seed=seed,
                device=device,
                force=force,
                picture=picture,
                video=overlay,
                memory_gb=memory,
            )
            outcome = _work(lambda progress: run_motion_job(moving, progress), show=not (quiet or json_))
            _tell([outcome], as_json=json_, quiet=quiet, one=True)
            return
        _refuse(by_motion, "separation by examples")
        job = Job(
            mixture=mix[0],
            sources=parse(sources or []),
            output=output,
            method=method,
            options={
                "background": background,
                "variance_model": variance_model,
                "components": _counts(components, "--components", "speech=32,noise=16", least=1),
                "adaptive": _adaptive(adaptive),
                "iterations": iterations,
                "fits": fits,
                "covariance": covariance,
                "sparsity": sparsity,
                "groups": groups,
                "start": start,
                "doa": _directions(doa or []),
                "beam": beam,
            },
            save_model=save_model,
            load_model=load_model,
            mic_distance=mic_distance,
            array=array,
            references=_references(reference or []),
            seed=seed,
            device=device,
            force=force,
            picture=picture,
            segment_seconds=segment,
            example_seconds=example_seconds,
            memory_gb=memory,
        )
        outcomes, errors = _work(lambda progress: run_jobs(job, mix, progress), show=not (quiet or json_))
        _tell(outcomes, as_json=json_, quiet=quiet, one=len(mix) == 1)
        for error in errors:
            typer.echo(f"avfront: {error}", err=True)
        if errors:
            raise typer.Exit(1)


@app.command(epilog="`avfront report out/`")
def report(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="What avfront separate has written.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Default: FOLDER/report.html.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a page that is there already.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error arose.")] = False,
) -> None:
    """Make one self-contained HTML page of a finished job: players, spectrograms, directions, examples, convergence."""
    with _failing_well(debug):
        from avfront.page import write

        typer.echo(str(write(folder, output or folder / "report.html", force=force)))


@app.command(epilog="`avfront demo -o out/`")
def demo(
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FOLDER", help="Folder for the recording and its sources."),
    ] = Path("avfront-demo"),
    seed: Annotated[int, typer.Option(min=0, help="Another seed: other noise in another room.")] = 0,
    force: Annotated[bool, typer.Option("--force", help="Replace outputs that are there already.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print the report as JSON, and nothing else.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show where in the program an error arose.")] = False,
) -> None:
    """Make a stereo recording of speech in noise in a simulated room, and separate and score it."""
    with _failing_well(debug):
        from avfront.demo import run_demo

        outcome = _work(
            lambda progress: run_demo(output, seed=seed, force=force, progress=progress),
            show=not (quiet or json_),
        )
        _tell([outcome], as_json=json_, quiet=quiet, one=True)
        if not (quiet or json_):
            typer.echo(
                f"The same from its files: avfront separate {output}/mix.wav --sources"
                f" speech={output}/examples/speech noise={output}/examples/noise -o FOLDER"
            )


def _refuse(options: Mapping[str, object], what: str) -> None:
    """Raise if an option is given that has no use in this kind of job."""
    for name, value in options.items():
        if value is not None:
            raise AvfrontError(f"{name} has no use in {what}", remedy="leave it out", usage=True)


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

    count = _counts(components, "--components", "15", least=1)
    if isinstance(count, dict):
        raise AvfrontError(f"--components {components} names sources", remedy="write one number", usage=True)
    if mocap:
        _refuse({"--boxes": options["--boxes"], "--objects": options["--objects"]}, "a job with --mocap")
    else:
        _refuse({"--mocap-rate": options["--mocap-rate"]}, "a job without --mocap")
    if options["--boxes"]:
        _refuse({"--objects": options["--objects"]}, "a job with --boxes")
    from avfront.sources import check_name

    tables = _references(mocap or [], "--mocap")
    for source in tables:
        check_name(source)
    name = method or ("soft-coupled" if mocap else "regression")
    if name != "regression":
        _refuse({"--estimator": options["--estimator"]}, f"the method {name}")
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


def _counts(text: str | None, option: str, example: str, *, least: int) -> int | dict[str, int] | None:
    """``32``, or ``speech=32,noise=16``."""
    if text is None:
        return None
    pairs = [part.rpartition("=") for part in text.split(",")]
    try:
        found = {name.strip(): int(value) for name, _, value in pairs}
    except ValueError:
        found = {}
    bare = list(found) == [""]
    if len(found) < len(pairs) or min(found.values()) < least or ("" in found and not bare):
        raise AvfrontError(f"{option} {text} says no number of patterns", remedy=f"write {example}", usage=True)
    return found[""] if bare else found


def _adaptive(text: str | None) -> dict[str, int] | None:
    found = _counts(text, "--adaptive", "noise=8", least=0)
    if isinstance(found, int):
        if found > 0:
            raise AvfrontError(f"--adaptive {text} names no source", remedy="write noise=8", usage=True)
        return {}
    return found


def _references(words: Sequence[str], option: str = "--reference") -> dict[str, Path]:
    found: dict[str, Path] = {}
    for word in words:
        name, equals, path = word.partition("=")
        if not (name and equals and path) or name in found:
            raise AvfrontError(
                f"{option} {word} is not one file of one source",
                remedy="write NAME=FILE, once per source",
                usage=True,
            )
        found[name] = Path(path).expanduser()
    return found


def _directions(words: Sequence[str]) -> dict[str, tuple[float, float]] | None:
    """``speech=90`` or ``speech=90:10``: azimuth and elevation in degrees, by source."""
    found: dict[str, tuple[float, float]] = {}
    for word in words:
        name, _, text = word.partition("=")
        try:
            azimuth, elevation = (float(part) for part in (text if ":" in text else f"{text}:0").split(":"))
        except ValueError:
            azimuth = elevation = math.nan
        if not name or name in found or not (math.isfinite(azimuth) and abs(elevation) <= 90):
            raise AvfrontError(
                f"--doa {word} is not one direction of one source",
                remedy="write NAME=AZIMUTH or NAME=AZIMUTH:ELEVATION in degrees, once per source",
                usage=True,
            )
        found[name] = (azimuth, elevation)
    return found or None


@contextlib.contextmanager
def _failing_well(debug: bool) -> Iterator[None]:
    """Turn whatever goes wrong into one sentence and an exit status."""
    _die_like_interrupted()
    try:
        yield
    except KeyboardInterrupt:
        if debug:
            raise
        typer.echo("avfront: interrupted; no output was written.", err=True)
        raise typer.Exit(130) from None
    except AvfrontError as error:
        if debug:
            raise
        typer.echo(f"avfront: {error}", err=True)
        raise typer.Exit(error.exit_status) from None
    except MemoryError:
        if debug:
            raise
        typer.echo("avfront: the memory is used up; give a smaller --segment, or fewer examples.", err=True)
        raise typer.Exit(1) from None
    except typer.Exit:
        raise
    except Exception as error:
        # Whatever else went wrong: a sentence for the user, the traceback for whoever asks for it.
        if debug:
            raise
        cause = str(error).strip().rstrip(".") or type(error).__name__
        typer.echo(f"avfront: {cause}; run it again with --debug to see where this comes from.", err=True)
        raise typer.Exit(1) from None


def _die_like_interrupted() -> None:
    """Let a polite request to end (SIGTERM) clean up like Ctrl-C does."""
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _work(job: "Callable[[Progress], T]", *, show: bool) -> "T":
    """Run a job, with a progress bar on stderr if wanted."""
    if not (show and sys.stderr.isatty()):
        return job(lambda stage, share: None)
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description:<27}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=1.0)

        def progress(stage: str, share: float) -> None:
            bar.update(task, description=_STAGES.get(stage, stage), completed=share)

        return job(progress)


def _tell(outcomes: "Sequence[Outcome]", *, as_json: bool, quiet: bool, one: bool) -> None:
    """Print the report (of several recordings a list), or tables of what was made and what there is to know."""
    if as_json:
        from avfront.report import dumps

        sys.stdout.write(dumps(outcomes[0].report if one else [outcome.report for outcome in outcomes]))
        return
    if quiet:
        return
    from rich.console import Console

    from avfront import tables

    console = Console(highlight=False)
    for outcome in outcomes:
        for warning in outcome.warnings:
            typer.echo(f"warning: {warning}", err=True)
        console.print(tables.files(outcome))
        if outcome.report["scores"]:
            console.print(tables.scores(outcome.report["scores"]))
