"""What a fit finds."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class LocalGaussianModel:
    """Variances and spatial covariances of the sources of one recording, or of a batch of them.

    The arrays of a batch have one axis more, in front; :meth:`recording` picks one.

    Attributes:
        v: variances (J, F, N), at the scale of the mixture's power.
        R: spatial covariances (J, F, I, I), Hermitian, positive definite, trace I.
        sources: names.
        log_likelihood: of the parameters at the beginning of each iteration, for the mixture scaled to mean power 1; of
            a batch (B,) each.
        W: spectral patterns, where there are any (F, K), or (J, F, K) for ``"nmf"``.
        H: their activations (K, N) or (J, K, N), for the mixture scaled to mean power 1.
        gain: (J, F), what fits the patterns to this recording: v_j = level · gain_j ⊙ W_j H_j for ``"joint"``.
        level: mean power of the mixture, or (B,).
        start: for each source, in words, what its covariances began from; of a batch a tuple of them.
    """

    v: NDArray[Any]
    R: NDArray[np.complex128]
    sources: tuple[str, ...]
    log_likelihood: tuple[Any, ...]
    W: NDArray[Any] | None = None
    H: NDArray[Any] | None = None
    gain: NDArray[np.float64] | None = None
    level: Any = 1.0
    start: Mapping[str, Any] = field(default_factory=dict)

    def recording(self, b: int) -> "LocalGaussianModel":
        """The model of recording b of a batch.

        >>> v, R = np.ones((4, 2, 3, 5)), np.tile(np.eye(2) + 0j, (4, 2, 3, 1, 1))
        >>> LocalGaussianModel(v, R, ("a", "b"), (), level=np.ones(4)).recording(2).v.shape
        (2, 3, 5)
        """
        if self.v.ndim != 4:
            raise ValueError("recording() picks from the model of a batch; this is the model of one recording.")
        return replace(
            self,
            v=self.v[b],
            R=self.R[b],
            W=None if self.W is None else self.W[b],
            H=None if self.H is None else self.H[b],
            gain=None if self.gain is None else self.gain[b],
            log_likelihood=tuple(float(values[b]) for values in self.log_likelihood),
            level=float(self.level[b]),
            start={name: words[b] for name, words in self.start.items()},
        )

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

    def snr(self) -> dict[str, Any]:
        """Each source's power over that of all others, in dB, over the whole recording and all channels.

        >>> v = np.stack([np.full((3, 4), 10.0), np.ones((3, 4))])
        >>> LocalGaussianModel(v, np.tile(np.eye(2) + 0j, (2, 3, 1, 1)), ("a", "b"), ()).snr()
        {'a': 10.0, 'b': -10.0}
        """
        power = self.v.sum(axis=(-2, -1), dtype=np.float64)  # tr R_j = I in every bin
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = 10 * np.log10(power / (power.sum(-1, keepdims=True) - power))
        return dict(zip(self.sources, np.moveaxis(ratio, -1, 0).tolist(), strict=True))
