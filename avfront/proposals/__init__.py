"""Candidates for objects and sounds in a clip: boxes in its pictures, windows and NMF components of its sound.

The bags of the weakly supervised system (T ch. 5, A, W) are made of them.
"""

from avfront.proposals.components import spectrogram, waveform
from avfront.proposals.found import Heard, Proposals, Settings
from avfront.proposals.hearing import hear
from avfront.proposals.making import propose, propose_one
from avfront.proposals.reading import Material, read
from avfront.proposals.store import Store

__all__ = [
    "Heard",
    "Material",
    "Proposals",
    "Settings",
    "Store",
    "hear",
    "propose",
    "propose_one",
    "read",
    "spectrogram",
    "waveform",
]
