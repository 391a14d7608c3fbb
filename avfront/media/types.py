"""Pictures and sound as the rest of avfront has them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]  # (height, width, 3), BGR as OpenCV has it, or (height, width) in grey
Samples = npt.NDArray[np.float32]  # (I, T)


@dataclass(frozen=True)
class Frame:
    """One picture, the right way up."""

    time: float  # s
    image: Image
