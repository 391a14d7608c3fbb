"""Options that several commands have, each written once."""

from pathlib import Path
from typing import Annotated

import typer

OUT, LIMITS = "Output", "Device and limits"

Folder = Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where the results go.")]
Force = Annotated[
    bool, typer.Option("--force", metavar="", help="Replace outputs that are there already.", rich_help_panel=OUT)
]
Json = Annotated[
    bool, typer.Option("--json", metavar="", help="Print the report as JSON, and nothing else.", rich_help_panel=OUT)
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", metavar="", help="Print nothing but errors.", rich_help_panel=OUT)
]
Debug = Annotated[bool, typer.Option("--debug", metavar="", help="Show where an error arose.", rich_help_panel=OUT)]
Device = Annotated[str, typer.Option(metavar="NAME", help="auto, cpu or cuda.", rich_help_panel=LIMITS)]
Trained = Annotated[
    Path, typer.Option("--system", metavar="FOLDER", help="A trained system: what avfront train has written.")
]
