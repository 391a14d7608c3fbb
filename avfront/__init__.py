"""Separation of recordings: files in; one sound file per source, a report and a picture out.

The command line is ``avfront`` (also ``python -m avfront``). From Python, build an
:class:`avfront.separation.Job` and give it to :func:`avfront.separation.separate`. Every factorization is a call
of :mod:`nmfcore`.
"""

from typing import Any

__all__ = ["__version__"]


def __getattr__(name: str) -> Any:
    # Looked up when asked for: nmfcore and avfront are one distribution and share one version.
    if name == "__version__":
        from nmfcore import __version__

        return __version__
    raise AttributeError(f"module 'avfront' has no attribute {name!r}")
