"""The fits behind the spatial method: in stages, after a rehearsal, with each dictionary in turn."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy.typing as npt

from avfront.geometry import towards
from avfront.methods.base import Scene
from avfront.sources import BACKGROUND, NOISE

if TYPE_CHECKING:
    from avfront.methods.spatial import Spatial
    from nmfcore.models import Dictionary
    from nmfcore.spatial import LocalGaussianModel

Array = npt.NDArray[Any]

MOST_FULL = 4  # channels up to which the covariance "auto" is the full model alone


class Stage(NamedTuple):
    """One run of EM."""

    covariance: str
    iterations: int
    fixed: int  # iterations before the spatial covariances begin to move


def stages(settings: "Spatial", channels: int) -> list[Stage]:
    """The runs of EM that follow one another in a fit."""
    iterations, fixed = settings.iterations, settings.fixed_iterations
    if settings.covariance == "auto" and channels > MOST_FULL and settings.averaging == 1:
        return [Stage("diagonal", -(-iterations // 2), fixed), Stage("full", -(-iterations // 4), 0)]
    return [Stage(settings.covariance.replace("auto", "full"), iterations, fixed)]


class Fits:
    """The fits of one segment.

    Parameters
    ----------
    settings : Spatial
        Of the method.
    X : array (I, F, N)
        The segment.
    dictionaries : sequence of Dictionary
        Of which each has its fit; without any, there is one fit.
    sources : tuple of str
        Names; a background comes last, as in the model: it is the one name that a dictionary does not have.
    scene : Scene
        Of the recording.
    earlier : LocalGaussianModel, optional
        Of the segment before: its covariances and learned patterns are where this one begins, and count as evidence.
    seed : int
        Of the first fit; the others have the numbers after it.
    progress : callable
        Called with the share of all iterations that is done, 0…1.
    """

    def __init__(
        self,
        settings: "Spatial",
        X: Array,
        dictionaries: "Sequence[Dictionary]",
        sources: tuple[str, ...],
        scene: Scene,
        earlier: "LocalGaussianModel | None",
        *,
        seed: int,
        progress: Callable[[float], None],
    ) -> None:
        from nmfcore import spatial

        self.settings, self.X, self.sources, self.earlier, self.seed = settings, X, sources, earlier, seed
        self.dictionaries: Sequence[Dictionary | None] = dictionaries or [None]
        guessed = scene.assumed and settings.start == "auto" and not settings.doa
        self.start = spatial.Start(
            X,
            sources,
            frequencies=scene.frequencies,
            microphones=None if guessed else scene.microphones,
            directions={name: towards(*angles) for name, angles in (settings.doa or {}).items()},
            ambient=(NOISE, BACKGROUND),
            kind=settings.start,
            reverberation=settings.reverberation,
        )
        self.stages = stages(settings, len(X))
        self.rehearsal: Stage | None = None
        measured = earlier is None and len(X) > 1 and self.start.chosen(told_apart=bool(dictionaries)) == "paths"
        if measured and settings.rehearsal:
            half = -(-settings.iterations // 2)
            self.rehearsal = Stage(self.stages[0].covariance, half, half // 2)
        runs = [*([self.rehearsal] if self.rehearsal else []), *(self.stages * len(self.dictionaries))]
        total, done = sum(stage.iterations for stage in runs), count(1)
        self.watch: Callable[[int, float], None] = lambda iteration, value: progress(next(done) / total)

    def mean(self) -> "LocalGaussianModel":
        """The consensus of all fits; its history is the first one's."""
        from nmfcore import spatial

        start = self._start()
        return spatial.consensus([self._in_stages(turn, start) for turn in range(len(self.dictionaries))])

    def _start(self) -> Any:
        """What the spatial covariances of the first stage begin from."""
        if self.earlier is not None:
            return self.earlier.R
        if len(self.X) == 1:
            return None
        if self.rehearsal is None:
            return self.start
        return self.start(self._run(0, self.rehearsal, self.start).v)

    def _in_stages(self, turn: int, start: Any) -> "LocalGaussianModel":
        """The fit with one dictionary."""
        # Activations of one dictionary are none of another.
        resume = self.earlier.elsewhere() if self.earlier is not None and turn > 0 else self.earlier
        # What is drawn to the covariances that the segment before ended with stays so; otherwise a second stage is
        # drawn to where the first ended.
        held = None if self.earlier is None else self.earlier.R
        found = [self._run(turn, self.stages[0], start, resume)]
        for stage in self.stages[1:]:
            found.append(self._run(turn, stage, held, found[-1]))
        history = tuple(value for model in found for value in model.log_likelihood)
        how = found[0].start if self.earlier is not None or len(self.X) == 1 else self.start.how
        return replace(found[-1], log_likelihood=history, start=how)

    def _run(self, turn: int, stage: Stage, R: Any, resume: "LocalGaussianModel | None" = None) -> "LocalGaussianModel":
        from nmfcore import spatial

        settings = self.settings
        return spatial.fit(
            self.X,
            dictionary=self.dictionaries[turn],
            sources=self.sources if self.dictionaries[turn] is None else None,
            variance_model=settings.variance_model,
            free=settings.learned(self.sources),
            R=R,
            resume=resume,
            covariance=stage.covariance,
            update="em",
            lam=settings.sparsity,
            mix=settings.mix,
            kind=settings.groups,
            gamma=settings.gamma,
            smoothing=settings.smoothing,
            n_start=settings.start_iterations if settings.variance_model in ("joint", "separation") else None,
            n_iter=stage.iterations,
            n_inner=settings.inner_iterations,
            n_fixed=stage.fixed,
            prior=settings.prior if self.earlier is None else settings.prior + settings.memory,
            averaging=(settings.averaging, settings.averaging),
            seed=self.seed + turn,
            callback=self.watch,
        )
