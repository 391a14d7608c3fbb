"""Candidates for objects and sounds in a clip: boxes in its pictures, windows and NMF components of its sound.

The bags of the weakly supervised system (T ch. 5, A, W) are made of them.
"""

from avfront.proposals.found import Proposals, Settings
from avfront.proposals.store import Store

__all__ = ["Proposals", "Settings", "Store"]
