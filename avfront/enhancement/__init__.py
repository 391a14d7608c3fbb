"""The sound of a class out of a mixture, by the scores of its NMF components."""

from avfront.enhancement.components import (
    Enhanced,
    Rule,
    adaptive_thresholds,
    crests,
    energies,
    enhance,
    gains,
    relevance,
)
from avfront.enhancement.job import EnhancementJob, run

__all__ = [
    "Enhanced",
    "EnhancementJob",
    "Rule",
    "adaptive_thresholds",
    "crests",
    "energies",
    "enhance",
    "gains",
    "relevance",
    "run",
]
