"""Packages that only some installations have."""

from importlib import import_module
from typing import Any

from avfront.errors import AvfrontError

_EXTRAS = {"av": "video", "mil": "the audio-visual system"}


def extra(module: str, name: str = "av") -> Any:
    """The module, for what the extra ``av`` (or `name`) installs.

    >>> extra("av").__name__
    'av'
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise AvfrontError(
            f"{_EXTRAS[name]} needs the package {module}, which is not installed",
            remedy=f"pip install 'nmfcore[{name}]'",
        ) from error
