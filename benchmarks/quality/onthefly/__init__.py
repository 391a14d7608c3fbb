"""On-the-fly separation of pairs of everyday sounds: El Badawy, Duong and Ozerov (2017), Tables II and III.

    python -m benchmarks.quality.onthefly [--quick] [--seed S] [--seeds R]
    python -m benchmarks.quality.onthefly --show         table, caption and picture from the kept result

Two clips of different classes are mixed at 0 dB; each class's model is learned from its *other* clips.
NSDR and NSIR are SDR and SIR (museval v4) minus those of the mixture, averaged over sources and mixtures.
As in the paper, each row shows the λ0 of its grid with the highest mean NSDR.
"""

from .tables import NAME, TITLE, caption, draw, headline, table

__all__ = ["NAME", "TITLE", "caption", "draw", "headline", "table"]
