"""The papers' models by their own names: each a short composition of :func:`nmfcore.nmf` and its penalties."""

from nmfcore.models.components import SourceFactors
from nmfcore.models.cross_modal import CrossModalResult, cross_modal_regression
from nmfcore.models.dictionary import Dictionary, learn_dictionary
from nmfcore.models.gssm import GssmResult, gssm_separate
from nmfcore.models.mel_clustering import mel_clustering
from nmfcore.models.motion_informed import motion_clustering, motion_init_nmf
from nmfcore.models.soft_coupled import SoftCoupledResult, soft_coupled_nmf

__all__ = [
    "CrossModalResult",
    "Dictionary",
    "GssmResult",
    "SoftCoupledResult",
    "SourceFactors",
    "cross_modal_regression",
    "gssm_separate",
    "learn_dictionary",
    "mel_clustering",
    "motion_clustering",
    "motion_init_nmf",
    "soft_coupled_nmf",
]
