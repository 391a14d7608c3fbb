"""Networks that turn the proposals of a clip into feature vectors, and the vectors of whole collections.

Needs torch: ``pip install 'nmfcore[mil]'``.
"""

from avfront.features.bags import Features

__all__ = ["Features"]
