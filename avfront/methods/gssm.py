"""Generic source spectral models: one nonnegative model of the power spectrogram, all channels together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from avfront.methods.base import Scene, Separated, usage_by_example

if TYPE_CHECKING:
    from nmfcore.models import Dictionary

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Gssm:
    """El Badawy, Duong and Ozerov (TASLP 2017): Itakura-Saito NMF, trained patterns, relative sparsity.

    The model explains the power summed over the channels; its Wiener mask is applied to every channel alike.
    Settings are the paper's, for relative block sparsity with γ = 1/G, which is best of its variants in
    docs/quality.md. With γ = 1, which is best in the paper, the penalty falls faster than the divergence rises as one
    activation grows, once λ γ G is more than the number of bins: with ten examples and more, a frame ran away.
    """

    frame_seconds: float = 0.047
    components: int | Mapping[str, int] | None = None  # per example; None is the paper's 32
    dictionary_iterations: int = 200
    iterations: int = 100
    background: int = 0
    kind: str = "block"
    gamma: float | str = "1/G"
    sparsity: float | None = None  # λ0; None is the best for the kind of groups, as `gssm_separate` has it

    name = "gssm"
    quantity = "Itakura-Saito divergence with penalty"

    @classmethod
    def preset(cls, variance_model: str | None) -> "Gssm":
        """The paper's settings."""
        return cls()

    def patterns(self, source: str) -> int:
        """Spectral patterns per example of a source."""
        if isinstance(self.components, Mapping):
            return self.components.get(source, 32)
        return 32 if self.components is None else self.components

    def outputs(self, channels: int) -> int:
        """As many as the mixture has."""
        return channels

    def dictionaries(self, channels: int) -> int:
        """Always one."""
        return 1

    def bytes_per_sample(self, channels: int, sources: int, activations: float) -> float:
        """Peak memory for each sample (per channel) of a segment, a third more than was measured."""
        return 16.0 * channels * (1 + sources) + 50.0 + 16.0 * activations

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
        """Separate X (I, F, N) by one mask per source on the power summed over the channels."""
        from nmfcore import masks
        from nmfcore.models import gssm_separate

        (dictionary,) = dictionaries
        objective: list[float] = []

        def watch(iteration: int, values: npt.NDArray[np.float64]) -> None:
            objective.append(float(values[0]))
            progress(iteration / self.iterations)

        V = np.square(np.abs(X)).sum(axis=0)  # (F, N)
        result = gssm_separate(
            V,
            dictionary,
            kind=self.kind,
            gamma=self.gamma,
            lam=self.sparsity,
            background=self.background,
            n_iter=self.iterations,
            seed=seed,
            callback=watch,
        )
        images = masks.wiener(X, np.stack([result.parts[name] for name in sources]))
        return Separated(
            dict(zip(sources, images, strict=True)),
            objective,
            power={name: float(result.parts[name].sum(dtype=np.float64)) for name in sources},
            usage=usage_by_example(dictionary, result.H),
        )
