"""Speech in diffuse noise on two microphones: the rows of Duong et al. (2018), ours, peers, and both ends.

    python -m benchmarks.quality.spatial [--quick] [--mixtures N] [--seed S] [--seeds R] [--name NAME] [--row ROW]
    python -m benchmarks.quality.spatial --show         table, caption and picture from the kept result

Scores are museval v4 image SDR, ISR, SIR, SAR over whole recordings. Where several seeds are run, SDR is the
mean over them (image SDR needs no projection), the other scores are of the first.
"""

from .tables import NAME, TITLE, caption, draw, headline, table

__all__ = ["NAME", "TITLE", "caption", "draw", "headline", "table"]
