"""What a fit finds."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class LocalGaussianModel:
    """Variances and spatial covariances of the sources of one recording.

    Attributes:
        v: variances (J, F, N), at the scale of the mixture's power.
        R: spatial covariances (J, F, I, I), Hermitian, positive definite, trace I.
        sources: names.
        log_likelihood: of the parameters at the beginning of each iteration, for the mixture scaled to mean power 1.
        W: spectral patterns, where there are any (F, K), or (J, F, K) for ``"nmf"``.
        H: their activations (K, N) or (J, K, N), for the mixture scaled to mean power 1.
        gain: (J, F), what fits the patterns to this recording: v_j = level · gain_j ⊙ W_j H_j for ``"joint"``.
        level: mean power of the mixture.
        start: for each source, in words, what its covariances began from.
    """

    v: NDArray[Any]
    R: NDArray[np.complex128]
    sources: tuple[str, ...]
    log_likelihood: tuple[float, ...]
    W: NDArray[Any] | None = None
    H: NDArray[Any] | None = None
    gain: NDArray[np.float64] | None = None
    level: float = 1.0
    start: Mapping[str, str] = field(default_factory=dict)

    def elsewhere(self) -> "LocalGaussianModel":
        """What holds for another recording of the same sources in the same places: all but variances and activations.

        >>> model = LocalGaussianModel(np.ones((2, 3, 4)), np.tile(np.eye(2) + 0j, (2, 3, 1, 1)), ("a", "b"), ())
        >>> model.elsewhere().v.shape
        (2, 3, 0)
        """
        return replace(self, v=self.v[..., :0], H=None)

    def covariances(self) -> NDArray[np.complex128]:
        """R at the scale that the fit had, before its trace became I: gain_j R_j, (J, F, I, I)."""
        return self.R if self.gain is None else self.R * self.gain[..., None, None]

    def snr(self) -> dict[str, float]:
        """Each source's power over that of all others, in dB, over the whole recording and all channels.

        >>> v = np.stack([np.full((3, 4), 10.0), np.ones((3, 4))])
        >>> LocalGaussianModel(v, np.tile(np.eye(2) + 0j, (2, 3, 1, 1)), ("a", "b"), ()).snr()
        {'a': 10.0, 'b': -10.0}
        """
        power = self.v.sum(axis=(1, 2), dtype=np.float64)  # tr R_j = I in every bin
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = 10 * np.log10(power / (power.sum() - power))
        return dict(zip(self.sources, ratio.tolist(), strict=True))
