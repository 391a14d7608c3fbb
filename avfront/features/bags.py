"""What the networks see in the proposals of one clip: the instances of its bags."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from avfront.errors import AvfrontError

Array = npt.NDArray[np.float32]
Times = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Features:
    """Feature vectors of the proposals of one clip, in the order of the proposals.

    Attributes
    ----------
    duration : float
        Of the clip, s.
    boxes : float32 (R, D_v)
    box_times : (R,)
        Of the picture in which the box is, s.
    tsp : float32 (P, D_a)
        Of temporal segment proposals.
    tsp_times : (P, 2)
        Begin and end, s.
    ncp : float32 (Q, D_a)
        Of NMF component proposals.
    ncp_times : (Q, 2)
        Begin and end, s.
    ncp_components : (Q,)
        Index of the component.

    Raises
    ------
    AvfrontError
        If the arrays do not belong together.

    >>> few = {"boxes": np.ones((3, 8)), "box_times": np.zeros(3), "tsp": np.ones((2, 4)), "tsp_times": np.ones((2, 2))}
    >>> few |= {"ncp": np.ones((5, 4)), "ncp_times": np.ones((5, 2)), "ncp_components": np.zeros(4, int)}
    >>> Features(2.0, **few)
    Traceback (most recent call last):
    avfront.errors.AvfrontError: the features' ncp_components are 4, not 5; extract them again.
    """

    duration: float
    boxes: Array
    box_times: Times
    tsp: Array
    tsp_times: Times
    ncp: Array
    ncp_times: Times
    ncp_components: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        about = {"boxes": ("box_times",), "tsp": ("tsp_times",), "ncp": ("ncp_times", "ncp_components")}
        for name, others in about.items():
            for other in others:
                found, count = len(getattr(self, other)), len(getattr(self, name))
                if found != count:
                    raise AvfrontError(f"the features' {other} are {found}, not {count}", remedy="extract them again")
