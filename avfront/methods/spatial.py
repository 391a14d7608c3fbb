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

VARIANCE_MODELS = ("joint", "separation", "denoising", "nmf", "free")
# A source of this name is whatever else is heard, from all round: it starts from the diffuse field, has half
# as many patterns per example (as in the paper), and a few that are learned from the mixture, for no two
# noises are alike.
NOISE = "noise"


@dataclass(frozen=True)
class Spatial:
    """Generic spectral models and full-rank spatial covariances: Duong et al. (2018), and a fit of ours.

    The settings here are those of the default, ``"joint"``: the paper's model fitted to the likelihood
    itself, which separates better than the paper's algorithm. :meth:`preset` has the paper's settings for its
    own variance models, but for ``"separation"``'s start, which tells the sources' directions apart.
    """

    variance_model: str = "joint"
    frame_seconds: float = 0.128
    components: int | Mapping[str, int] | None = None  # per example; None is 32, and 16 for "noise"
    adaptive: Mapping[str, int] | None = None  # learned from the mixture, by source; None is 8 for "noise"
    dictionary_iterations: int = 50
    start_iterations: int = 30  # by the spectra alone, after which each source's direction is judged
    iterations: int = 40
    inner_iterations: int = 1
    fixed_iterations: int = 5  # before the spatial covariances begin to move
    background: int = 0
    sparsity: float = 0.0
    mix: float = 0.2
    smoothing: float = 0.8  # of the activations of what is learned from the mixture
    prior: float = 20.0  # frames of evidence for the initial spatial covariances
    averaging: int = 1  # bins and frames over which the empirical covariance is averaged
    reverberation: float = 0.3  # power of the diffuse part of an initial covariance; the direct part has 1

    name = "spatial"
    quantity = "log-likelihood"

    @classmethod
    def preset(cls, variance_model: str | None) -> "Spatial":
        """The settings to begin with for a variance model; None is the default."""
        if variance_model is None or variance_model == cls.variance_model:
            return cls()
        return cls(
            variance_model=variance_model,
            frame_seconds=0.064,
            dictionary_iterations=20,
            iterations=15,
            inner_iterations=10,
            fixed_iterations=0,
            sparsity=10.0,
            smoothing=0.0,
            prior=0.0,
            averaging=1,
        )

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
        if self.variance_model not in ("joint", "separation"):
            return {}
        wanted = {NOISE: 8} if self.adaptive is None else self.adaptive
        found = {name: count for name, count in wanted.items() if name in sources and count > 0}
        return {**found, BACKGROUND: self.background} if self.background else found

    def uses_dictionary(self) -> bool:
        """Whether the variance model learns from examples."""
        return self.variance_model not in ("nmf", "free")

    def bytes_per_sample(self, channels: int, sources: int, activations: float) -> float:
        """Peak memory for each sample (per channel) of a segment, a third more than was measured."""
        return 22.0 * channels**2 + 14.0 * channels * (1 + sources) + 20.0 + 16.0 * activations

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

        # A background comes last, in `sources` as in the model: it is the one name that the dictionary does
        # not have.
        if dictionary is None:

            def start(v: Array) -> Array:
                return spread_fields(len(sources), scene)
        else:

            def start(v: Array) -> Array:
                return heard_fields(X, v, sources, scene, reverberation=self.reverberation)

        model = spatial.fit(
            X,
            dictionary=dictionary,
            sources=None if dictionary is not None else sources,
            variance_model=self.variance_model,
            free=self.learned(sources),
            R=start if len(X) > 1 else None,
            lam=self.sparsity,
            mix=self.mix,
            smoothing=self.smoothing,
            n_start=self.start_iterations if self.variance_model in ("joint", "separation") else None,
            n_iter=self.iterations,
            n_inner=self.inner_iterations,
            n_fixed=self.fixed_iterations,
            prior=self.prior,
            averaging=(self.averaging, self.averaging),
            seed=seed,
            callback=watch,
        )
        images = spatial.wiener(X, model.v, model.R)
        by_name = dict(zip(model.sources, images, strict=True))
        return Separated({name: by_name[name] for name in sources}, list(model.log_likelihood))


def heard_fields(
    X: Array, v: Array, sources: tuple[str, ...], scene: Scene, *, reverberation: float
) -> npt.NDArray[np.complex128]:
    """Spatial covariances (J, F, I, I) to start from: where each source is heard at first.

    Each source is taken to be a direct sound from the direction that agrees best with the phases where the
    source dominates, in a diffuse field; noise and background, which come from all round, to be diffuse.

    Parameters
    ----------
    X : array (I, F, N)
        Mixture.
    v : array (J, F, N)
        First variances of the sources, by their spectra alone.
    sources : tuple of str
        Names.
    scene : Scene
        With microphones.
    reverberation : float
        Power of the diffuse part of a source, relative to the direct one.
    """
    from nmfcore import spatial

    assert scene.microphones is not None
    share = v / np.maximum(v.sum(axis=0), np.finfo(v.dtype).tiny)
    fields: list[Array] = []
    for name, part in zip(sources, share, strict=True):
        if name in (NOISE, BACKGROUND):
            fields.append(spatial.diffuse(scene.frequencies, scene.microphones))
            continue
        direction, _ = spatial.direction_of_arrival(
            X, scene.frequencies, scene.microphones, weights=part**2, step=_step(scene.microphones)
        )
        fields.append(
            spatial.direct_diffuse(scene.frequencies, scene.microphones, direction, reverberation=reverberation)
        )
    return np.stack(fields).astype(np.complex128)


def spread_fields(count: int, scene: Scene) -> npt.NDArray[np.complex128]:
    """Spatial covariances (J, F, I, I) where nothing tells the sources apart.

    Directions far from one another, and the diffuse field last.
    """
    from nmfcore import spatial

    assert scene.microphones is not None
    place = scene.microphones - scene.microphones.mean(axis=0)
    _, _, axes = np.linalg.svd(place, full_matrices=True)
    angles = np.pi * (np.arange(count - 1) + 0.5) / max(count - 1, 1)
    fields: list[Array] = [
        spatial.direct_diffuse(scene.frequencies, scene.microphones, np.cos(angle) * axes[0] + np.sin(angle) * axes[1])
        for angle in angles
    ]
    return np.stack([*fields, spatial.diffuse(scene.frequencies, scene.microphones)]).astype(np.complex128)


def _step(microphones: npt.NDArray[np.float64]) -> float:
    """Degrees between the directions that are tried: on half a circle fine ones, on a sphere fewer."""
    extent = np.linalg.svd(microphones - microphones.mean(axis=0), compute_uv=False)
    return 2.0 if extent[1] <= 1e-3 * extent[0] else 10.0
