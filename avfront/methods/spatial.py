"""The local Gaussian model with full-rank spatial covariances, with spectral models learned from examples."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from avfront.errors import AvfrontError
from avfront.geometry import towards
from avfront.methods.base import AZIMUTHS, Scene, Separated, usage_by_example
from avfront.methods.spatial_fits import Fits
from avfront.sources import BACKGROUND, NOISE

if TYPE_CHECKING:
    from nmfcore.models import Dictionary
    from nmfcore.spatial import LocalGaussianModel

Array = npt.NDArray[Any]

VARIANCE_MODELS = ("joint", "separation", "denoising", "nmf", "free")
COVARIANCES = ("auto", "full", "diagonal")
STARTS = ("auto", "directions", "paths", "weights", "clusters")
BEAMS = ("mvdr", "rank1")


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
    fits: int | None = None  # with dictionaries of other random starts, averaged; None is 3 up to 2 channels, else 1
    start_iterations: int = 15  # by the spectra alone, after which each source's direction is judged
    iterations: int = 40
    inner_iterations: int = 1
    fixed_iterations: int = 15  # before the spatial covariances begin to move
    rehearsal: bool = True  # half a fit comes first, by which direct paths are measured again
    background: int = 0
    sparsity: float = 0.0
    groups: str = "mixed"  # of sparsity: "mixed", "block" or "component"
    mix: float = 0.2
    gamma: float = 0.0  # relative sparsity
    smoothing: float = 0.95  # of the activations of what is learned from the mixture
    memory: float = 200.0  # frames of evidence for where the segment before ended
    prior: float = 5.0  # frames of evidence for the initial spatial covariances
    averaging: int = 1  # bins and frames over which the empirical covariance is averaged
    # "full", "diagonal" (a smaller model, faster beyond 8 channels), or "auto": full, but beyond 4 channels, where EM
    # takes long to find so many parameters, from where a diagonal fit ends.
    covariance: str = "auto"
    start: str = "auto"  # what the spatial covariances begin from, see nmfcore.spatial.Start
    doa: Mapping[str, tuple[float, float]] | None = None  # azimuth and elevation in degrees, by source
    reverberation: float = 0.3  # power of the diffuse part of an initial covariance; the direct part has 1
    beam: str | None = None  # "mvdr" or "rank1": sources as one channel, instead of their images at all

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
            fits=1,
            start_iterations=30,
            iterations=15,
            inner_iterations=10,
            fixed_iterations=0,
            rehearsal=False,
            sparsity=0.0 if variance_model in ("nmf", "free") else 10.0,
            smoothing=0.0,
            prior=0.0,
            averaging=1,
            covariance="full",
        )

    def __post_init__(self) -> None:
        choices = {
            "variance_model": VARIANCE_MODELS,
            "covariance": COVARIANCES,
            "start": STARTS,
            "beam": BEAMS,
            "groups": ("mixed", "block", "component"),
        }
        for field, known in choices.items():
            value = getattr(self, field)
            if value is not None and value not in known:
                words = field.replace("_", " ")
                raise AvfrontError(
                    f"there is no {words} '{value}'",
                    remedy=f"use --{words.replace(' ', '-')} {', '.join(known[:-1])} or {known[-1]}",
                    usage=True,
                )
        if self.background and not self.uses_dictionary():
            raise AvfrontError(
                f"the variance model '{self.variance_model}' has no background",
                remedy="leave out --background, or use --variance-model separation",
                usage=True,
            )
        if self.start == "clusters" and self.uses_dictionary():
            raise AvfrontError(
                "clusters do not tell which source of the examples is which",
                remedy="leave out --start clusters, or use it with --variance-model nmf or free",
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
        if not self.uses_dictionary():
            return {}
        usual = {NOISE: 8} if self.variance_model != "denoising" else {}
        wanted = usual if self.adaptive is None else self.adaptive
        found = {name: count for name, count in wanted.items() if name in sources and count > 0}
        return {**found, BACKGROUND: self.background} if self.background else found

    def outputs(self, channels: int) -> int:
        """One for beams, otherwise as many as the mixture has."""
        return 1 if self.beam else channels

    def uses_dictionary(self) -> bool:
        """Whether the variance model learns from examples."""
        return self.variance_model not in ("nmf", "free")

    def dictionaries(self, channels: int) -> int:
        """As many as there are fits; the more channels, the less depends on the dictionary."""
        if not self.uses_dictionary():
            return 0
        return self.fits if self.fits is not None else 3 if channels <= 2 else 1

    def bytes_per_sample(self, channels: int, sources: int, activations: float) -> float:
        """Peak memory for each sample (per channel) of a segment, a third more than was measured."""
        fits = max(self.dictionaries(channels), 1)
        return (
            22.0 * channels**2
            + 14.0 * channels * (1 + sources)
            + 20.0
            + (16.0 + 5.0 * fits) * activations
            + 8.0 * (sources * fits)
        )

    def separate(
        self,
        X: Array,
        dictionaries: "Sequence[Dictionary]",
        sources: tuple[str, ...],
        scene: Scene,
        *,
        seed: int,
        progress: Callable[[float], None],
        previous: Separated | None = None,
    ) -> Separated:
        """Separate X (I, F, N) by the multichannel Wiener filter of the fitted model, or by its beams.

        After another segment, its spatial covariances and learned patterns are where this one begins, and count as
        evidence, so that a source stays the same from segment to segment.
        """
        from nmfcore import spatial

        earlier = None if previous is None else previous.model
        model = Fits(self, X, dictionaries, sources, scene, earlier, seed=seed, progress=progress).mean()
        if self.beam is None:
            images = spatial.wiener(X, model.v, model.R)
        else:
            images = spatial.beam(X, model.v, model.R, kind=self.beam)[:, None]
        by_name = dict(zip(model.sources, images, strict=True))
        power = model.v.sum(axis=(1, 2), dtype=np.float64)
        return Separated(
            {name: by_name[name] for name in sources},
            list(model.log_likelihood),
            power=dict(zip(model.sources, power.tolist(), strict=True)),
            usage=usage_by_example(dictionaries[0] if dictionaries else None, model.H),
            start=model.start,
            spectrum=spatial_spectra(model, scene),
            model=model,
        )


def spatial_spectra(model: "LocalGaussianModel", scene: Scene) -> dict[str, Array]:
    """Of each source at :data:`AZIMUTHS`, by name; none without the places of two microphones."""
    from nmfcore import spatial

    if scene.microphones is None or model.R.shape[-1] == 1:
        return {}
    around = np.stack([towards(azimuth) for azimuth in AZIMUTHS])
    spectra = spatial.spatial_spectrum(model.R, scene.frequencies, scene.microphones, around)
    return dict(zip(model.sources, spectra, strict=True))
