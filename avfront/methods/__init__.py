"""Ways to separate a recording, by name. A new one is a new file here, and a line in :data:`METHODS`."""

import math
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from avfront.errors import AvfrontError
from avfront.methods.base import Method, Scene, Separated
from avfront.methods.gssm import Gssm
from avfront.methods.spatial import Spatial

__all__ = ["METHODS", "Gssm", "Method", "Scene", "Separated", "Spatial", "make"]

METHODS: dict[str, type[Gssm] | type[Spatial]] = {"gssm": Gssm, "spatial": Spatial}


def make(name: str, options: Mapping[str, Any]) -> Method:
    """The method of that name with its default settings, changed where `options` has a value, not None.

    Raises
    ------
    AvfrontError
        (usage) If there is no such method, it has no such option, or its value is not finite.

    >>> make("spatial", {"iterations": 20, "background": None}).iterations
    20
    >>> make("spatial", {"variance_model": "separation"}).iterations  # with it come the paper's settings
    15
    """
    if name not in METHODS:
        raise AvfrontError(
            f"there is no method '{name}'", remedy=f"use --method {' or '.join(sorted(METHODS))}", usage=True
        )
    given = {key: value for key, value in options.items() if value is not None}
    known = {field.name for field in fields(METHODS[name])}
    for key in given:
        if key not in known:
            raise AvfrontError(
                f"the method {name} has no option --{key.replace('_', '-')}",
                remedy="leave it out, or choose another method",
                usage=True,
            )
        if isinstance(given[key], float) and not math.isfinite(given[key]):
            raise AvfrontError(f"--{key} {given[key]} is not finite", remedy="give a number", usage=True)
    return replace(METHODS[name].preset(given.get("variance_model")), **given)
