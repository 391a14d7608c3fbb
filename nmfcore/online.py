"""Patterns learned from a stream of spectrograms, mini-batch by mini-batch, in constant memory."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmfcore import backends, layout
from nmfcore.divergence import as_beta, mm_exponent
from nmfcore.layout import Matrices
from nmfcore.minibatches import DecayingSums, MiniBatch

Array = NDArray[Any]


class OnlineDictionary:
    """Spectral patterns W (F, K), columns of sum one, that follow a stream of frames.

    Lefèvre, Bach and Févotte (WASPAA 2011), for any β: for each mini-batch H is solved for W as it is, and W follows
    from decaying sums of its gradients (:mod:`nmfcore.minibatches`). Memory does not grow with the stream.

    Args:
        n_components: K.
        beta: divergence.
        batch_size: frames of a mini-batch; longer spectrograms are cut.
        half_life: frames after which a mini-batch counts half; 0 forgets at once, infinity never.
        n_inner: updates of H for each mini-batch.
        seed: of the random start, which the first spectrogram's height decides the size of.
        device: as in :func:`nmfcore.nmf`.
        backend: as in :func:`nmfcore.nmf`.

    Attributes:
        W: the patterns; None before the first frame that is not silent.
        n_frames: frames seen.

    Raises:
        ValueError: naming the argument, its value and the remedy.

    >>> rng = np.random.default_rng(0)
    >>> learner = OnlineDictionary(3, seed=0)
    >>> for _ in range(5):  # recordings of any length
    ...     learner = learner.partial_fit(rng.random((20, 100)))
    >>> learner.W.shape, learner.n_frames
    ((20, 3), 500)
    """

    def __init__(
        self,
        n_components: int,
        *,
        beta: float | str = 1.0,
        batch_size: int = 512,
        half_life: float = 5000.0,
        n_inner: int = 10,
        seed: int | np.random.Generator | None = None,
        device: str = "auto",
        backend: str = "auto",
    ) -> None:
        for name, value in (("n_components", n_components), ("batch_size", batch_size), ("n_inner", n_inner)):
            if not isinstance(value, (int, np.integer)) or value < 1:
                raise ValueError(f"{name}={value!r} must be a whole number ≥ 1.")
        if not half_life >= 0:
            raise ValueError(f"half_life={half_life!r} must be ≥ 0 frames.")
        self.n_components, self.batch_size, self.n_inner = int(n_components), int(batch_size), int(n_inner)
        self.beta, self.half_life = as_beta(beta), float(half_life)
        self.n_frames = 0
        self._gamma = mm_exponent(self.beta)
        self._rng = np.random.default_rng(seed)
        self._backend, self._device = backend, device
        backends.get(backend, device)
        self._Wt: Array | None = None

    @property
    def W(self) -> Array | None:
        return None if self._Wt is None else self._Wt.T.copy()

    def partial_fit(self, V: ArrayLike) -> "OnlineDictionary":
        """Learn from one more spectrogram (F, N), of the kind (magnitude or power) of the others. V is not changed."""
        given = Matrices.of(V, "V")
        given.check_nonnegative("V")
        if given.form.leading != ():
            raise ValueError("V must be one spectrogram (F, N); call partial_fit once for each.")
        (spectrogram,) = given.pieces()
        if self._Wt is not None and self._Wt.shape[1] != len(spectrogram):
            raise ValueError(f"V has {len(spectrogram)} bins, but the patterns have {self._Wt.shape[1]}.")
        for at in range(0, spectrogram.shape[1], self.batch_size):
            self._learn(spectrogram[:, at : at + self.batch_size])
        return self

    def _learn(self, V: Array) -> None:
        """One mini-batch (F, n)."""
        self.n_frames += V.shape[1]
        peak = float(V.max())
        if peak == 0:  # silence teaches nothing
            return
        if self._Wt is None:
            start = self._rng.uniform(0.5, 1.5, (self.n_components, len(V))).astype(V.dtype)
            self._Wt = start / start.sum(1, keepdims=True)
            zeros = np.zeros(start.shape)
            self._sums = DecayingSums(zeros, zeros, self._gamma)
        # Levels far from one would leave the range of powers of Λ; the sums are of the level of V^β in any case.
        shift = -int(np.frexp(peak)[1])
        V = np.ldexp(V, shift)
        batch = MiniBatch(V, self.beta, self._backend, self._device)
        Wt = self._Wt.astype(batch.dtype)
        H = np.tile(V.sum(0) / len(Wt), (len(Wt), 1)).astype(batch.dtype)
        there = [layout.placed(one, batch.engine.xp) for one in (Wt, H)]
        batch.engine.sweeps(self.n_inner, [batch.half(*there)], self._gamma)
        level = float(np.exp2(-shift * self.beta))  # so that loud recordings weigh as in the sum of all divergences
        neg, pos = (level * layout.host(part, np.float64) for part in batch.gradient(*there))
        memory = 0.5 ** (V.shape[1] / self.half_life) if self.half_life > 0 else 0.0
        moved = self._sums.join(Wt.astype(np.float64), neg, pos, memory)
        size = moved.sum(1, keepdims=True)
        size[size == 0] = 1  # a pattern that has vanished stays so
        self._Wt = (moved / size).astype(self._Wt.dtype)
        # The sums of the same frames, had W been of sum one and H of the level that belongs to it.
        self._sums.above *= size ** (1 - 1 / self._gamma)
        self._sums.below *= size
