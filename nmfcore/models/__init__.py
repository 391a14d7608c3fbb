"""The papers' models by their own names: each a short composition of :func:`nmfcore.nmf` and its penalties."""

from nmfcore.models.annotated import activity_nmf
from nmfcore.models.cofactorization import CofactorResult, cofactorize
from nmfcore.models.components import SourceFactors
from nmfcore.models.cross_modal import CrossModalResult, cross_modal_regression
from nmfcore.models.dictionary import Dictionary, learn_dictionary
from nmfcore.models.gssm import GssmResult, gssm_separate
from nmfcore.models.mel_clustering import mel_clustering, mel_levels
from nmfcore.models.motion_informed import motion_clustering, motion_init_nmf
from nmfcore.models.rank_selection import RankSelection, select_rank
from nmfcore.models.soft_coupled import SoftCoupledResult, soft_coupled_nmf
from nmfcore.models.supervised import learn_dictionary_online, supervised_nmf

__all__ = [
    "CofactorResult",
    "CrossModalResult",
    "Dictionary",
    "GssmResult",
    "RankSelection",
    "SoftCoupledResult",
    "SourceFactors",
    "activity_nmf",
    "cofactorize",
    "cross_modal_regression",
    "gssm_separate",
    "learn_dictionary",
    "learn_dictionary_online",
    "mel_clustering",
    "mel_levels",
    "motion_clustering",
    "motion_init_nmf",
    "select_rank",
    "soft_coupled_nmf",
    "supervised_nmf",
]
