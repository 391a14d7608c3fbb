"""Arrays of 2 to 8 microphones and mixtures of three sources: what users get, peers, and both ends of the scale.

    python -m benchmarks.quality.arrays [--mixtures N] [--only ROW] [--again] [--seed S]
    python -m benchmarks.quality.arrays --show         table, caption and picture from the kept result

Every row is measured as `avfront separate` runs it: its settings, its start, its dictionaries. Results are kept row
by row, so that an interrupted run goes on where it was, and a row can be measured anew (`--only ROW --again`).
Scores: museval v4 image scores at the first two microphones, over whole recordings; PESQ (wide band) and STOI of the
talker at the first microphone, where the packages pesq and pystoi are installed.
"""

from .tables import NAME, TITLE, caption, draw, headline, table

__all__ = ["NAME", "TITLE", "caption", "draw", "headline", "table"]
