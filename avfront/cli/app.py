"""The program `avfront`, to which each command adds itself."""

from collections.abc import Sequence
from typing import Annotated

import typer

app = typer.Typer(
    name="avfront",
    help="Separate recordings and videos into their sources: by examples, by what moves, by classes of sound.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


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
        bool,
        typer.Option("--version", metavar="", help="Print the version and leave.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    """Separate recordings and videos into their sources: by examples, by what moves, by classes of sound."""
