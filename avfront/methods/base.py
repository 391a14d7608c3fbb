"""What every separation method is given, and what it gives back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from nmfcore.models import Dictionary

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Scene:
    """What is known about a recording besides its samples."""

    frequencies: npt.NDArray[np.float64]  # (F,) Hz, of the bins
    microphones: npt.NDArray[np.float64] | None  # (I, 3) metres; None where unknown


@dataclass(frozen=True)
class Separated:
    """The images of all sources, and how the objective went."""

    images: Mapping[str, Array]  # name -> (I, F, N) complex; they add up to the mixture
    objective: list[float]


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

    def uses_dictionary(self) -> bool:
        """Whether examples are learned from at all."""

    def bytes_per_sample(self, channels: int, sources: int, activations: float) -> float:
        """Peak memory for each sample (per channel) of a segment; `activations` are a sample's share of H."""

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
        """Separate X (I, F, N), which is not silent, into images of all sources."""
