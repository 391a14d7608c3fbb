"""What every separation method is given, and what it gives back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from nmfcore.models import Dictionary
    from nmfcore.spatial import LocalGaussianModel

Array = npt.NDArray[Any]
AZIMUTHS = tuple(range(0, 360, 5))  # degrees, at which spatial spectra are told


@dataclass(frozen=True)
class Scene:
    """What is known about a recording besides its samples."""

    frequencies: npt.NDArray[np.float64]  # (F,) Hz, of the bins
    microphones: npt.NDArray[np.float64] | None  # (I, 3) metres; None where unknown
    assumed: bool = False  # the places are a guess, good for a picture and for directions that are given


@dataclass(frozen=True)
class Separated:
    """The images of all sources, how the objective went, and what else there is to tell about it."""

    images: Mapping[str, Array]  # name -> (I, F, N) complex; they add up to the mixture. Beams: (1, F, N)
    objective: list[float]
    power: Mapping[str, float]  # of each source in the model; only ratios matter
    usage: Mapping[str, Array]  # name -> (P, N): how much each of its examples plays in each frame
    start: Mapping[str, str] = field(default_factory=dict)  # name -> where its spatial covariances began
    spectrum: Mapping[str, Array] = field(default_factory=dict)  # name -> spatial spectrum at AZIMUTHS, 0…1
    model: "LocalGaussianModel | None" = None


class Method(Protocol):
    """A frozen dataclass of settings that separates one segment at a time."""

    @property
    def name(self) -> str:
        """As on the command line."""

    @property
    def quantity(self) -> str:
        """What the objective is."""

    @property
    def frame_seconds(self) -> float:
        """Length of an STFT frame in seconds."""

    @property
    def components(self) -> int | Mapping[str, int] | None:
        """Spectral patterns per example, for all sources or by name; None leaves it to `patterns`."""

    @property
    def dictionary_iterations(self) -> int:
        """Multiplicative updates for learning the dictionary."""

    @property
    def background(self) -> int:
        """Free spectral patterns for whatever has no example; 0 is none."""

    def patterns(self, source: str) -> int:
        """Spectral patterns per example of a source."""

    def outputs(self, channels: int) -> int:
        """Channels of a separated source, of a mixture of so many."""

    def dictionaries(self, channels: int) -> int:
        """How many dictionaries are learned from the examples, each from another random start; 0 for none."""

    def bytes_per_sample(self, channels: int, sources: int, activations: float) -> float:
        """Peak memory for each sample (per channel) of a segment; `activations` are a sample's share of H."""

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
        """Separate X (I, F, N), which is not silent, into images of all sources; `previous` is the segment before."""


def usage_by_example(dictionary: "Dictionary | None", H: Array | None) -> dict[str, Array]:
    """How much each example of a source plays in each frame, name -> (P, N).

    Parameters
    ----------
    dictionary : Dictionary, optional
        Whose rows come first in H; columns of sum 1, so that activations are powers.
    H : array (K, N), optional
        Activations.
    """
    if dictionary is None or H is None:
        return {}
    return {name: np.stack([H[block].sum(axis=0) for block in blocks]) for name, blocks in dictionary.blocks.items()}


def frame_length(seconds: float, rate: int) -> int:
    """Samples per frame: at least `seconds`, even, and quick to transform (no prime factor beyond 5).

    >>> frame_length(0.064, 16000), frame_length(0.064, 44100)
    (1024, 2880)
    """
    length = max(2 * round(seconds * rate / 2), 2)
    while True:
        rest = length
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return length
        length += 2
