"""Sound at another sampling rate."""

import numpy as np

from avfront.audio.reading import Samples


def resample(samples: Samples, rate: int, new_rate: int) -> Samples:
    """Samples of shape (channels, samples) at `rate` (Hz), at `new_rate` by soxr's high quality.

    >>> import numpy as np
    >>> resample(np.zeros((2, 48000), np.float32), 48000, 16000).shape
    (2, 16000)
    """
    if rate == new_rate:
        return samples
    import soxr

    converted = soxr.resample(np.ascontiguousarray(samples.T), rate, new_rate, quality="HQ")
    return np.ascontiguousarray(np.asarray(converted, dtype=np.float32).T)
