"""The papers' models by their own names: each a short composition of :func:`nmfcore.nmf` and its penalties."""

from nmfcore.models.dictionary import Dictionary, learn_dictionary
from nmfcore.models.gssm import GssmResult, gssm_separate

__all__ = ["Dictionary", "GssmResult", "gssm_separate", "learn_dictionary"]
