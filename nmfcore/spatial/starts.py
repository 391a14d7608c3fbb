"""Which spatial covariances to start from, chosen by what is known, and said in words."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmfcore.spatial.clustering import clustered
from nmfcore.spatial.covariances import diffuse, direct_diffuse, from_weights, positions
from nmfcore.spatial.directions import direction_of_arrival, resolution
from nmfcore.spatial.filtering import as_mixture
from nmfcore.spatial.whitening import direct_paths

Array = NDArray[Any]
Covariances = Callable[[NDArray[Any]], ArrayLike]
KINDS = ("auto", "directions", "paths", "weights", "clusters")
AMBIENT = ("noise", "background")


class Start:
    """Initial spatial covariances of a mixture, for `fit(R=…)`; afterwards :attr:`how` tells what each source got.

    * ``"directions"``: a direct path in a diffuse field, along the direction that is given, or along the one that
      agrees best with the phases where the source dominates (:func:`nmfcore.spatial.direction_of_arrival`). Ambient
      sources are diffuse. Needs the geometry.
    * ``"paths"``: its direct path as the microphones hear it, wherever they are
      (:func:`nmfcore.spatial.direct_paths`). Ambient sources begin as they are heard.
    * ``"weights"``: :func:`nmfcore.spatial.from_weights` of the points at which the source dominates.
    * ``"clusters"``: :func:`nmfcore.spatial.clustered`; which source is which is open.
    * ``"auto"``: directions where the geometry is known, otherwise paths; but clusters where the first variances tell
      nothing (sources without examples), except for what a direction is given for.

    Args:
        X: mixture (I, F, N), complex.
        sources: names, in the order of the model's.
        frequencies: (F,) in Hz, with `microphones`.
        microphones: (I, 3) positions in metres, if they are known.
        directions: vectors (3,) or (2,) from the array towards sources, by name.
        ambient: names of sources that come from all round.
        kind: as above.
        reverberation: power of the diffuse part of a source relative to the direct one.

    >>> f, place = np.linspace(0, 8000, 65), [[-0.1, 0, 0], [0.1, 0, 0]]
    >>> X = np.ones((2, 65, 20), complex)
    >>> start = Start(X, ("voice", "noise"), frequencies=f, microphones=place)
    >>> start(np.ones((2, 65, 20))).shape, start.how["voice"], start.how["noise"]
    ((2, 65, 2, 2), 'heard at 90° azimuth, 0° elevation (agreement 1.00)', 'diffuse field')
    """

    def __init__(
        self,
        X: ArrayLike,
        sources: Sequence[str],
        *,
        frequencies: ArrayLike | None = None,
        microphones: ArrayLike | None = None,
        directions: Mapping[str, ArrayLike] | None = None,
        ambient: Sequence[str] = AMBIENT,
        kind: str = "auto",
        reverberation: float = 0.3,
    ) -> None:
        self.X = as_mixture(X)
        self.sources, self.ambient = tuple(sources), tuple(ambient)
        self.directions = dict(directions or {})
        self.kind, self.reverberation = kind, reverberation
        self.frequencies = None if frequencies is None else np.asarray(frequencies, np.float64)
        self.microphones = None if microphones is None else positions(microphones)
        self.how: dict[str, str] = {}
        if kind not in KINDS:
            raise ValueError(f"kind={kind!r} is not known; use one of {KINDS}.")
        unknown = sorted(set(self.directions) - set(self.sources))
        if unknown:
            raise ValueError(f"directions names {unknown[0]!r}, which is not among the sources {self.sources}.")
        if self.microphones is None and (self.directions or kind == "directions"):
            raise ValueError("directions need microphones: their positions (I, 3) in metres.")
        if self.microphones is not None and (self.frequencies is None or len(self.microphones) != len(self.X)):
            raise ValueError(
                f"microphones ({len(self.microphones)}) must be as many as the channels of X ({len(self.X)}), and "
                "come with frequencies."
            )

    def __call__(self, v: Array, *, told_apart: bool = True) -> NDArray[np.complex128]:
        """Covariances (J, F, I, I) from first variances (J, F, N), which may tell the sources apart or not."""
        kind = self.chosen(told_apart)
        share = self._share(v, kind)
        measured = None
        if kind == "paths":
            around = [j for j, name in enumerate(self.sources) if name in self.ambient]
            measured = direct_paths(self.X, share, ambient=around, reverberation=self.reverberation)
        fields = []
        for j, name in enumerate(self.sources):
            if name in self.directions or kind == "directions":
                fields.append(self._field(name, share[j] ** 2))
            elif measured is not None:
                fields.append(measured[j])
                self.how[name] = "as it is heard" if name in self.ambient else "its direct path as it is heard"
            else:
                fields.append(from_weights(self.X, share[j : j + 1] ** 2)[0])
                self.how[name] = (
                    "a cluster of the mixture" if kind == "clusters" else "where its spectra dominate the mixture"
                )
        return np.stack(fields).astype(np.complex128)

    def chosen(self, told_apart: bool = True) -> str:
        """The kind, where ``"auto"`` is decided."""
        if self.kind != "auto" or len(self.X) < 2:
            return "weights" if self.kind == "auto" else self.kind
        if not told_apart:
            return "clusters"
        return "paths" if self.microphones is None else "directions"

    def _share(self, v: Array, kind: str) -> Array:
        """How much of each point belongs to each source, (J, F, N)."""
        if len(v) != len(self.sources) or v.shape[1:] != self.X.shape[1:]:
            raise ValueError(
                f"v has shape {v.shape}; it must be {(len(self.sources), *self.X.shape[1:])} for these sources."
            )
        if kind == "clusters" and len(self.X) > 1:
            return clustered(self.X, len(v))
        out: Array = v / np.maximum(v.sum(axis=0), np.finfo(v.dtype).tiny)
        return out

    def _field(self, name: str, weight: Array) -> Array:
        assert self.frequencies is not None
        assert self.microphones is not None
        if name in self.directions:
            direction = np.asarray(self.directions[name], np.float64)
            self.how[name] = f"the direction given, {_angles(direction)}"
        elif name in self.ambient:
            self.how[name] = "diffuse field"
            return diffuse(self.frequencies, self.microphones)
        else:
            direction, agreement = direction_of_arrival(
                self.X, self.frequencies, self.microphones, weights=weight, step=resolution(self.microphones)
            )
            self.how[name] = f"heard at {_angles(direction)} (agreement {agreement:.2f})"
        return direct_diffuse(self.frequencies, self.microphones, direction, reverberation=self.reverberation)


def _angles(direction: NDArray[np.float64]) -> str:
    x, y, z = positions(direction[None])[0]
    azimuth, elevation = np.degrees([np.arctan2(y, x), np.arctan2(z, np.hypot(x, y))])
    return f"{round(azimuth)}° azimuth, {round(elevation)}° elevation"
