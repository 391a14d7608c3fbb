"""The local Gaussian model of multichannel recordings with full-rank spatial covariances.

Each source image is Gaussian, c_j(n, f) ~ N_c(0, v_j(n, f) R_j(f)): a variance for every bin and frame, a spatial
covariance for every bin. :func:`fit` estimates both from a recording, :func:`wiener` separates with them.
"""

from nmfcore.spatial import directions
from nmfcore.spatial.beams import beam
from nmfcore.spatial.clustering import clustered
from nmfcore.spatial.consensus import consensus
from nmfcore.spatial.covariances import diffuse, direct_diffuse, from_images, from_weights, regularized
from nmfcore.spatial.directions import direction_of_arrival, spatial_spectrum
from nmfcore.spatial.em import fit
from nmfcore.spatial.filtering import wiener
from nmfcore.spatial.many import fit_many
from nmfcore.spatial.model import LocalGaussianModel
from nmfcore.spatial.starts import Start
from nmfcore.spatial.storage import load, save
from nmfcore.spatial.whitening import direct_paths

__all__ = [
    "LocalGaussianModel",
    "Start",
    "beam",
    "clustered",
    "consensus",
    "diffuse",
    "direct_diffuse",
    "direct_paths",
    "direction_of_arrival",
    "directions",
    "fit",
    "fit_many",
    "from_images",
    "from_weights",
    "load",
    "regularized",
    "save",
    "spatial_spectrum",
    "wiener",
]
