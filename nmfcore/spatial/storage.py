"""Fitted models as files: safetensors with a JSON header, nothing that runs when it is read."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from nmfcore.spatial.model import LocalGaussianModel

FORMAT = "nmfcore.spatial/1"
ARRAYS = ("v", "R", "W", "H", "gain")


def save(model: LocalGaussianModel, path: str | os.PathLike[str], **notes: Any) -> None:
    """Write a fitted model, to be read by :func:`load` or by any program that reads safetensors.

    Arrays are tensors of their own names; complex R is stored as real tensors ``R.real`` and ``R.imag``. Everything
    else is JSON in the header's ``"model"``.

    Args:
        model: from :func:`nmfcore.spatial.fit`.
        path: file to write; replaced if it is there.
        notes: anything that JSON can hold, to be kept beside the model.

    Raises:
        ImportError: without the package safetensors, which nmfcore[audio] brings.

    >>> import tempfile
    >>> model = LocalGaussianModel(np.ones((1, 2, 3)), np.ones((1, 2, 1, 1), complex), ("a",), (-1.0, -0.5))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(model, Path(folder) / "a.safetensors", recording="a.wav")
    ...     again, notes = load(Path(folder) / "a.safetensors")
    >>> again.sources, again.log_likelihood, notes
    (('a',), (-1.0, -0.5), {'recording': 'a.wav'})
    """
    _, save_file = _safetensors()
    tensors = {}
    for name in ARRAYS:
        array = getattr(model, name)
        if array is None:
            continue
        for part, values in (("real", array.real), ("imag", array.imag)) if array.dtype.kind == "c" else (("", array),):
            tensors[f"{name}.{part}".rstrip(".")] = np.ascontiguousarray(values)
    facts = {
        "format": FORMAT,
        "sources": model.sources,
        "log_likelihood": model.log_likelihood,
        "level": model.level,
        "start": dict(model.start),
        "notes": notes,
    }
    save_file(tensors, os.fspath(path), {"model": json.dumps(facts, allow_nan=False)})


def load(path: str | os.PathLike[str]) -> tuple[LocalGaussianModel, dict[str, Any]]:
    """A model that :func:`save` wrote, and its notes; `fit(resume=…)` goes on from it.

    Raises:
        ImportError: without the package safetensors.
        ValueError: for a file that is no such model.
    """
    safe_open, _ = _safetensors()
    file = Path(path)
    try:
        with safe_open(os.fspath(file), "np") as opened:
            facts = json.loads((opened.metadata() or {})["model"])
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        if facts["format"] != FORMAT:
            raise KeyError(facts["format"])
        arrays: dict[str, Any] = {name: tensors[name] for name in ARRAYS if name in tensors}
        arrays["R"] = tensors["R.real"] + 1j * tensors["R.imag"]
        model = LocalGaussianModel(
            sources=tuple(facts["sources"]),
            log_likelihood=tuple(facts["log_likelihood"]),
            level=float(facts["level"]),
            start=facts["start"],
            **arrays,
        )
        return model, dict(facts["notes"])
    except FileNotFoundError:
        raise
    except Exception as error:
        raise ValueError(f"{file} is no model of {FORMAT}; save one with nmfcore.spatial.save.") from error


def _safetensors() -> tuple[Any, Any]:
    try:
        from safetensors import safe_open
        from safetensors.numpy import save_file
    except ImportError as error:
        raise ImportError("models are kept by the package safetensors; install nmfcore[audio].") from error
    return safe_open, save_file
