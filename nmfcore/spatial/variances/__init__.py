"""The spectral part of the M step: what constrains the variances v (J, F, N) between two spatial steps.

One class per variance model. Each gives a start; then it turns the unconstrained variances of an EM iteration into
constrained ones, or (:class:`Climbing`) moves its patterns and activations up the likelihood itself.
"""

from nmfcore.spatial.variances.base import Climbing, Sparsity, VarianceModel
from nmfcore.spatial.variances.choice import MODELS, Choice
from nmfcore.spatial.variances.denoising import Denoising
from nmfcore.spatial.variances.free import Free
from nmfcore.spatial.variances.joint import Joint
from nmfcore.spatial.variances.likelihood_nmf import LikelihoodNMF
from nmfcore.spatial.variances.separation import Separation
from nmfcore.spatial.variances.source_nmf import SourceNMF

__all__ = [
    "MODELS",
    "Choice",
    "Climbing",
    "Denoising",
    "Free",
    "Joint",
    "LikelihoodNMF",
    "Separation",
    "SourceNMF",
    "Sparsity",
    "VarianceModel",
]
