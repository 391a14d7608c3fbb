"""How near the separated sources come to true ones, where those are known: BSS Eval version 4 by museval."""

import importlib.util
import math
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from avfront.errors import AvfrontError

MEASURES = ("SDR", "ISR", "SIR", "SAR")
REST = "rest"
# What is left of the mixture beside the references counts as a source of its own above this share of its
# energy.
_REST_SHARE = 1e-6

Array = npt.NDArray[np.floating[Any]]
Score = dict[str, float | None]


def bss_eval_images(references: Array, estimates: Array) -> list[Score]:
    """SDR, ISR, SIR and SAR of source images in dB: museval's BSS Eval, one window over all, 512 taps.

    Parameters
    ----------
    references, estimates : arrays (J, I, T)
        True and separated images; same order of sources.

    Returns
    -------
    list of dict
        One per source; a measure that is not defined (a silent source, nothing interfering) is None.

    Raises
    ------
    AvfrontError
        If museval is not installed.

    Notes
    -----
    Vincent et al. 2006; Stöter, Liutkus and Ito 2018. Medians over windows of one second, as in the SiSEC
    campaigns, come out different.
    """
    active = [j for j in range(len(references)) if references[j].any()]
    scores: list[Score] = [dict.fromkeys(MEASURES, None) for _ in references]
    if not active or references.shape[-1] <= 512:
        return scores
    true, found = (
        np.ascontiguousarray(x[active].transpose(0, 2, 1), dtype=np.float64) for x in (references, estimates)
    )
    # museval refuses silent estimates; what is 200 dB down spoils no other source's score.
    silent = [k for k, estimate in enumerate(found) if not estimate.any()]
    found[silent] = 1e-10 * true[silent]
    with np.errstate(divide="ignore", invalid="ignore"):
        values = museval_metrics().bss_eval(true, found, window=np.inf, hop=np.inf)[:4]
    for measure, per_source in zip(MEASURES, values, strict=True):
        for k, value in enumerate(per_source[:, 0]):
            if math.isfinite(value) and k not in silent:
                scores[active[k]][measure] = float(value)
    return scores


def score(
    references: Mapping[str, Array], estimates: Mapping[str, Array], mixture: Array
) -> dict[str, dict[str, Score]]:
    """Scores of the separated images, and of the mixture itself in their place.

    Parameters
    ----------
    references : mapping of name to array (I, T)
        The true images of some or all sources.
    estimates : mapping of name to array (I, T)
        The separated images of all sources.
    mixture : array (I, T)
        What the images add up to. Sources without a reference are scored together, as ``"rest"``, against
        what the references leave of it.

    Returns
    -------
    dict
        ``{name: {"separated": {"SDR": …}, "mixture": {…}}}``.
    """
    names = list(references)
    true = [references[name] for name in names]
    found = [estimates[name] for name in names]
    others = [estimates[name] for name in estimates if name not in references]
    left = mixture - np.sum(true, axis=0, dtype=np.float64)
    if others and float(np.square(left).sum()) > _REST_SHARE * float(np.square(mixture, dtype=np.float64).sum()):
        names.append(REST if len(others) > 1 else next(name for name in estimates if name not in references))
        true.append(left)
        found.append(np.sum(others, axis=0, dtype=np.float64))
    separated = bss_eval_images(np.stack(true), np.stack(found))
    untouched = bss_eval_images(np.stack(true), np.stack([mixture] * len(true)))
    return {
        name: {"separated": after, "mixture": before}
        for name, after, before in zip(names, separated, untouched, strict=True)
    }


def check() -> None:
    """Raise AvfrontError if scores cannot be computed here, before any work is done."""
    if importlib.util.find_spec("museval") is None:
        raise AvfrontError("scores need museval, which is not installed", remedy="pip install 'nmfcore[demo]'")


@lru_cache
def museval_metrics() -> Any:
    """Museval's module of measures, without the rest of the package.

    ``import museval`` also loads pandas and musdb and fails where the program ffmpeg is not installed; its
    metrics need NumPy and SciPy only.
    """
    check()
    package = importlib.util.find_spec("museval")
    assert package is not None
    assert package.submodule_search_locations
    file = Path(package.submodule_search_locations[0]) / "metrics.py"
    spec = importlib.util.spec_from_file_location("_avfront_museval_metrics", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    # Where its matrix is singular, museval 0.4 asks for a name that NumPy 2 has no more: numpy.linalg.linalg.
    module.np = _with(np, linalg=_with(np.linalg, linalg=np.linalg))  # type: ignore[attr-defined]
    return module


def _with(module: ModuleType, **names: ModuleType) -> ModuleType:
    """A copy of a module with some names added."""
    copy = ModuleType(module.__name__)
    copy.__dict__.update(module.__dict__, **names)
    return copy
