"""Networks that turn the proposals of a clip into feature vectors, and the vectors of whole collections.

Needs torch: ``pip install 'nmfcore[mil]'``.
"""

from avfront.extras import extra

extra("torch", "mil")

from avfront.features.audio import AudioNetwork  # noqa: E402  after the sentence about torch
from avfront.features.bags import Features  # noqa: E402
from avfront.features.cache import FeatureCache  # noqa: E402
from avfront.features.extraction import extract, visual_input  # noqa: E402
from avfront.features.visual import VisualNetwork  # noqa: E402
from avfront.features.weights import audio_network, fingerprint, load, visual_network  # noqa: E402

__all__ = [
    "AudioNetwork",
    "FeatureCache",
    "Features",
    "VisualNetwork",
    "audio_network",
    "extract",
    "fingerprint",
    "load",
    "visual_input",
    "visual_network",
]
