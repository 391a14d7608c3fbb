"""Around every command: a progress bar, the result as table or JSON, and one sentence for whatever goes wrong."""

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

import typer

from avfront.errors import AvfrontError

if TYPE_CHECKING:
    from avfront.job import Outcome, Progress

T = TypeVar("T")

_STAGES = {
    "room": "simulating the room",
    "film": "making the film",
    "examine": "looking and listening",
    "read": "reading",
    "motion": "following what moves",
    "dictionary": "learning from the examples",
    "separate": "separating",
    "write": "writing",
    "score": "scoring",
    "picture": "drawing",
}


@contextlib.contextmanager
def failing_well(
    debug: bool, *, interrupted: str = "what was not finished has left no file", **needs: str
) -> Iterator[None]:
    """Turn whatever goes wrong into one sentence and an exit status.

    `interrupted` is said of a job that was, and `needs` are modules that the command cannot do without, and the extra
    that each belongs to.
    """
    _die_like_interrupted()
    try:
        if needs:
            from avfront.extras import extra

            for module, part in needs.items():
                extra(module, part)
        yield
    except KeyboardInterrupt:
        if debug:
            raise
        typer.echo(f"avfront: interrupted; {interrupted}.", err=True)
        raise typer.Exit(130) from None
    except AvfrontError as error:
        if debug:
            raise
        typer.echo(f"avfront: {error}", err=True)
        raise typer.Exit(error.exit_status) from None
    except MemoryError:
        if debug:
            raise
        typer.echo("avfront: the memory is used up; give shorter --blocks, or fewer examples.", err=True)
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


def work(job: "Callable[[Progress], T]", *, show: bool) -> "T":
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


def tell(outcomes: "Sequence[Outcome]", *, as_json: bool, quiet: bool, one: bool) -> None:
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


def summarize(outcome: "Outcome", title: str, *, as_json: bool, quiet: bool) -> None:
    """Print the report as JSON, or a line that says what was found, and the files that were written."""
    if as_json:
        from avfront.report import dumps

        sys.stdout.write(dumps(outcome.report))
    elif not quiet:
        typer.echo(f"{title} ({outcome.timings['total']:.1f} s)")
        for path in outcome.files.values():
            typer.echo(f"  {path}")
