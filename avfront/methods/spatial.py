"""The local Gaussian model with full-rank spatial covariances, with spectral models learned from examples."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from avfront.errors import AvfrontError
from avfront.methods.base import Scene, Separated
from avfront.sources import BACKGROUND

if TYPE_CHECKING:
    from nmfcore.models import Dictionary

Array = npt.NDArray[Any]

VARIANCE_MODELS = ("separation", "denoising", "nmf", "free")
# A source of this name is whatever else is heard: its examples hardly ever sound like the noise at hand. It
# has half as many patterns per example (as in the paper), and some that are learned from the mixture.
NOISE = "noise"
# Updates of the spectral model alone, after which each source's direction is judged.
_FIRST_GUESS = 30
# Of the diffuse field's power relative to the direct sound's, in the rooms that the directions are tried for.
_REVERBERATION = 0.3


@dataclass(frozen=True)
class Spatial:
    """Duong et al. (2018): generic spectral models and full-rank spatial covariances, by generalised EM.

    Settings are the paper's, but for `adaptive`, which the paper does not have: without it, noise unlike all
    its examples ends up in the other sources.
    """

    frame_seconds: float = 0.064
    components: int | Mapping[str, int] | None = (
        None  # per example; None is the paper's 32, and 16 for "noise"
    )
    adaptive: Mapping[str, int] | None = None  # learned from the mixture, by source; None is 16 for "noise"
    dictionary_iterations: int = 20
    iterations: int = 15
    inner_iterations: int = 10
    background: int = 0
    variance_model: str = "separation"
    sparsity: float = 10.0
    mix: float = 0.2

    name = "spatial"
    quantity = "log-likelihood"

    def __post_init__(self) -> None:
        if self.variance_model not in VARIANCE_MODELS:
            raise AvfrontError(
                f"there is no variance model '{self.variance_model}'",
                remedy=f"use --variance-model {', '.join(VARIANCE_MODELS[:-1])} or {VARIANCE_MODELS[-1]}",
                usage=True,
            )
        if self.variance_model == "denoising" and self.background:
            raise AvfrontError(
                "the variance model 'denoising' has no background",
                remedy="leave out --background, or use --variance-model separation",
                usage=True,
            )

    def patterns(self, source: str) -> int:
        """Spectral patterns per example of a source."""
        default = 16 if source == NOISE else 32
        if isinstance(self.components, Mapping):
            return self.components.get(source, default)
        return default if self.components is None else self.components

    def learned(self, sources: tuple[str, ...]) -> dict[str, int]:
        """Spectral patterns that are learned from the mixture, by source; the background's are among them."""
        if self.variance_model != "separation":
            return {}
        wanted = {NOISE: 16} if self.adaptive is None else self.adaptive
        found = {name: count for name, count in wanted.items() if name in sources and count > 0}
        return {**found, BACKGROUND: self.background} if self.background else found

    def uses_dictionary(self) -> bool:
        """Whether the variance model learns from examples."""
        return self.variance_model in ("separation", "denoising")

    def bytes_per_sample(self, channels: int, sources: int, activations: float) -> float:
        """Peak memory for each sample (per channel) of a segment, a third more than was measured."""
        return 16.0 * channels * (1 + sources) + 30.0 * sources + 4.0 * channels**2 + 16.0 * activations

    def separate(
        self,
        X: Array,
        dictionary: "Dictionary | None",
        sources: tuple[str, ...],
        scene: Scene,
        *,
        seed: int,
        progress: Callable[[float], None],
    ) -> Separated:
        """Separate X (I, F, N) by the multichannel Wiener filter of the fitted model."""
        from nmfcore import spatial

        def watch(iteration: int, value: float) -> None:
            progress(iteration / self.iterations)

        learned = self.learned(sources)
        R = None
        if len(X) > 1:
            assert scene.microphones is not None
            fields = sound_fields(scene.frequencies, scene.microphones)
            if dictionary is None:
                # Nothing tells the sources apart yet: directions far from one another, and the diffuse field
                # last.
                R = fields[np.linspace(1, len(fields), len(sources)).astype(int) % len(fields)]
            else:
                R = heard_fields(X, first_guess(X, dictionary, sources, learned, seed), fields)
        model = spatial.fit(
            X,
            dictionary=dictionary,
            sources=None if dictionary is not None else sources,
            variance_model=self.variance_model,
            free=learned,
            R=R,
            lam=self.sparsity,
            mix=self.mix,
            n_iter=self.iterations,
            n_inner=self.inner_iterations,
            seed=seed,
            callback=watch,
        )
        images = spatial.wiener(X, model.v, model.R)
        by_name = dict(zip(model.sources, images, strict=True))
        return Separated({name: by_name[name] for name in sources}, list(model.log_likelihood))


def sound_fields(
    frequencies: npt.NDArray[np.float64], microphones: npt.NDArray[np.float64]
) -> npt.NDArray[np.complex128]:
    """Spatial covariances (L, F, I, I) that a source may have: the diffuse field first, then directions all
    round.

    A pair, or a line of microphones, cannot tell its sides apart, so that half a circle is enough for it.
    """
    from nmfcore import spatial

    place = microphones - microphones.mean(axis=0)
    _, extent, axes = np.linalg.svd(place, full_matrices=True)
    rank = int(np.count_nonzero(extent > 1e-3 * max(float(extent[0]), 1e-12)))
    if rank <= 1:
        angles = np.radians(np.arange(0, 181, 10))
        directions = np.outer(np.cos(angles), axes[0]) + np.outer(np.sin(angles), axes[1])
    else:
        angles = np.radians(np.arange(0, 360, 15))
        rings = [0.0] if rank == 2 else [-35.0, 0.0, 35.0]
        directions = np.concatenate(
            [
                np.cos(np.radians(up))
                * (np.outer(np.cos(angles), axes[0]) + np.outer(np.sin(angles), axes[1]))
                + np.sin(np.radians(up)) * axes[2]
                for up in rings
            ]
        )
    fields: list[Array] = [spatial.diffuse(frequencies, microphones)]
    fields += [
        spatial.direct_diffuse(frequencies, microphones, direction, reverberation=_REVERBERATION)
        for direction in directions
    ]
    return np.stack(fields).astype(np.complex128)


def first_guess(
    X: Array, dictionary: "Dictionary", sources: tuple[str, ...], learned: Mapping[str, int], seed: int
) -> Array:
    """Variances (J, F, N) of the sources by their spectra alone, all channels together."""
    from nmfcore.models import gssm_separate

    V = np.square(np.abs(X)).mean(axis=0)
    guess = gssm_separate(V, dictionary, background=sum(learned.values()), n_iter=_FIRST_GUESS, seed=seed)
    parts = {name: guess.parts.get(name, 0.0) for name in sources}
    for name, count in learned.items():
        parts[name] = parts[name] + guess.parts[BACKGROUND] * (count / sum(learned.values()))
    return np.stack([parts[name] for name in sources])


def heard_fields(X: Array, v: Array, fields: npt.NDArray[np.complex128]) -> npt.NDArray[np.complex128]:
    """For each source, the most likely of the given sound fields (J, F, I, I).

    The spatial covariance of a source is estimated where it dominates, and compared with each field by the
    Gaussian likelihood, −log det R − tr(R⁻¹ R̂), summed over the bins.
    """
    from nmfcore import spatial

    share = v / v.sum(axis=0)
    # Each point counts by how much of it the source is, not by its level.
    weight = share**2 / np.maximum(np.square(np.abs(X)).mean(axis=0), 1e-12)
    heard = spatial.regularized(np.einsum("ifn,kfn,jfn->jfik", X, X.conj(), weight, optimize=True), 1e-2)
    candidates = spatial.regularized(fields, 1e-2)
    cost = (
        np.log(np.linalg.det(candidates).real)[None]
        + np.einsum("lfab,jfba->jlf", np.linalg.inv(candidates), heard, optimize=True).real
    )
    best = cost.sum(axis=-1).argmin(axis=1)
    return np.asarray(candidates[best])
