"""Identify, locate and separate with weak supervision: Parekh et al., TASLP 2020, Tables I, III, IV, V; WASPAA, 1 to 3.

    python -m benchmarks.quality.mil [--quick] [--seed S] [--seeds R] [--folder F]
    python -m benchmarks.quality.mil --show           tables and captions from the kept result

The data set is the one that the project makes (:mod:`avfront.synth.collection`); the base networks are the small ones,
trained from nothing on the weak labels of its training clips. What has been computed is kept in the folder, so that a
run that was cut off goes on.
"""

from .picture import draw
from .tables import NAME, TITLE, caption, headline, table

__all__ = ["NAME", "TITLE", "caption", "draw", "headline", "table"]
