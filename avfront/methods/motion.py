"""Separation by what moves: components of the sound go to the object whose motion explains them.

Parekh (2019), chapters 3 and 4, and the methods that they are compared with. Each is one call of nmfcore; by default,
timbre has a say in which object a component goes to.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from avfront.errors import AvfrontError
from avfront.motion.matching import Heard, by_timbre_too, in_order, located
from avfront.motion.motions import Motions

if TYPE_CHECKING:
    from nmfcore.models import SourceFactors

Array = npt.NDArray[Any]

NAMES = ("regression", "soft-coupled", "mel", "motion-init", "motion-cluster")
ESTIMATORS = ("timbre", "ls", "spls", "joint")
FRAME_SECONDS = 0.0929  # 4096 samples at 44.1 kHz, Hamming, three quarters overlap: the thesis's
OVERLAP = 4

# Mean sum over a frame's bins. The smoothness of soft coupling depends on it: at this level, strings come out best
# with the thesis's weights.
_LEVEL = 10.0
_ITERATIONS = {"regression": 200, "mel": 200}  # the others 100
_PER_SOURCE = {"regression": 15, "mel": 15, "motion-cluster": 4}  # components; the others follow the motion


@dataclass(frozen=True)
class ByMotion:
    """Settings of one method; None is what the thesis uses.

    Attributes
    ----------
    name : str
        One of :data:`NAMES`.
    estimator : str
        Of regression: "ls" (least squares after NMF), "spls" (the same, sparse) or "joint" (with NMF, from an NMF
        start), as in the thesis; or "timbre" (least squares, and timbre decides too:
        :func:`avfront.motion.assignment.assign`).
    components : int, optional
        Spectral patterns per object; 15 for regression and mel, 4 for motion-cluster. The coupled methods have one
        for each motion activation, and no choice.
    iterations : int, optional
        Multiplicative updates: 200 for regression and mel, 100 for the others.
    restarts : int
        Random starts, of which the one with the lowest objective is kept.
    """

    name: str = "regression"
    estimator: str = "timbre"
    components: int | None = None
    iterations: int | None = None
    restarts: int = 5

    def __post_init__(self) -> None:
        if self.name not in NAMES:
            raise AvfrontError(
                f"there is no method '{self.name}' for motion", remedy=f"use --method {' or '.join(NAMES)}", usage=True
            )
        if self.estimator not in ESTIMATORS:
            raise AvfrontError(
                f"there is no estimator '{self.estimator}'", remedy=f"use {' or '.join(ESTIMATORS)}", usage=True
            )
        if self.components is not None and self.name not in _PER_SOURCE:
            raise AvfrontError(
                f"the method {self.name} has no option --components: its motion decides",
                remedy="leave it out, or choose another method",
                usage=True,
            )
        for option, value in (("components", self.components), ("iterations", self.iterations)):
            if value is not None and value < 1:
                raise AvfrontError(f"--{option} {value} is too few", remedy="give 1 or more", usage=True)
        if self.restarts < 1:
            raise AvfrontError(f"--restarts {self.restarts} is too few", remedy="give 1 or more", usage=True)

    @property
    def updates(self) -> int:
        """Iterations, the default filled in."""
        return self.iterations or _ITERATIONS.get(self.name, 100)


def separate(
    V: Array,
    motions: Motions,
    settings: ByMotion,
    *,
    rate: int,
    seed: int,
    device: str = "auto",
    progress: Callable[[float], None] = lambda share: None,
) -> Heard:
    """Factorize the magnitude spectrogram V (F, N) and give each component to an object.

    Parameters
    ----------
    V : array (F, N)
        Not all zero.
    motions : Motions
        On the same N frames.
    settings : ByMotion
        The method.
    rate : int
        Of the sound, Hz.
    seed : int
        Of the random starts.
    device : str
        As for :func:`nmfcore.nmf`.
    progress : callable
        Called with the share that is done, 0…1.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> speeds = rng.gamma(0.3, size=(2, 80))
    >>> V = np.kron(np.eye(2), np.ones((5, 1))) @ speeds
    >>> motions = Motions(speeds, np.arange(2), speeds, np.arange(2))
    >>> heard = separate(V, motions, ByMotion(components=1, iterations=50), rate=16000, seed=0)
    >>> parts = heard.factors.parts()
    >>> bool(parts[0][:5].sum() > 50 * parts[0][5:].sum()), heard.sounding.tolist()
    (True, [0, 1])
    """
    from nmfcore import models

    V = V * (_LEVEL / float(V.sum(axis=0).mean()))  # the level of a recording shall decide nothing
    common: dict[str, Any] = {
        "n_iter": settings.updates,
        "n_restarts": settings.restarts,
        "seed": seed,
        "device": device,
        "callback": lambda iteration, values: progress(iteration / settings.updates),
    }
    if settings.name in _PER_SOURCE:
        common["n_components"] = motions.count * (settings.components or _PER_SOURCE[settings.name])
    coupled = motions.activations, motions.activation_sources
    factors: SourceFactors
    match settings.name:
        case "regression":
            estimator = {"timbre": "ls", "spls": "sparse"}.get(settings.estimator, settings.estimator)
            fit = models.cross_modal_regression(V, motions.speeds.T, motions.sources, method=estimator, **common)
            if settings.estimator == "timbre":
                return by_timbre_too(fit, motions, rate, seed)
            return Heard(fit, fit.clusters, fit.sounding, fit.A)
        case "soft-coupled":
            factors = models.soft_coupled_nmf(V, *coupled, **common)
        case "motion-init":
            factors = models.motion_init_nmf(V**2, *coupled, **common)
        case "motion-cluster":
            factors = models.motion_clustering(V**2, motions.speeds[motions.strongest(1)], **common)
        case _:
            factors = in_order(models.mel_clustering(V, motions.count, rate, **common), motions)
    return located(factors, motions)
