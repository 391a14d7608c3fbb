"""The local Gaussian model of multichannel recordings with full-rank spatial covariances.

Each source image is Gaussian, c_j(n, f) ~ N_c(0, v_j(n, f) R_j(f)): a variance for every bin and frame, a spatial
covariance for every bin. :func:`fit` estimates both from a recording, :func:`wiener` separates with them.
"""

from nmfcore.spatial import directions
from nmfcore.spatial.covariances import diffuse, direct_diffuse, regularized
from nmfcore.spatial.directions import direction_of_arrival
from nmfcore.spatial.em import LocalGaussianModel, fit
from nmfcore.spatial.filtering import wiener

__all__ = [
    "LocalGaussianModel",
    "diffuse",
    "direct_diffuse",
    "direction_of_arrival",
    "directions",
    "fit",
    "regularized",
    "wiener",
]
