"""The command line: one file per command, and what they share in app, words and running."""

# In the order in which help lists them.
from avfront.cli import separate, train, classify, localize, enhance, report, demo  # isort: skip
from avfront.cli.app import app, run
from avfront.cli.words import spread

__all__ = ["app", "run", "spread"]
