"""Where the spatial method starts from, and its settings."""

import numpy as np
import pytest

from avfront.errors import AvfrontError
from avfront.geometry import line
from avfront.methods import METHODS, Scene, make
from avfront.methods.spatial import heard_fields, spread_fields
from nmfcore import spatial

FREQUENCIES = np.fft.rfftfreq(512, 1 / 16000)
ARRAYS = {
    "pair": line(2, 0.086),
    "line": line(5, 0.04),
    "plane": np.array([[0.05, 0, 0], [0, 0.05, 0], [-0.05, 0, 0], [0, -0.05, 0]]),
    "space": np.array([[0.05, 0, 0], [0, 0.05, 0], [0, 0, 0.05], [0, 0, 0]]),
}


def gaussian(R: np.ndarray, frames: int, seed: int) -> np.ndarray:
    """Samples (I, F, N) of a field with covariances R (F, I, I)."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((*R.shape[:2], frames)) + 1j * rng.standard_normal((*R.shape[:2], frames))
    root = np.linalg.cholesky(R + 1e-6 * np.eye(R.shape[-1]))
    return np.moveaxis(root @ noise, 1, 0)


@pytest.mark.parametrize("array", ARRAYS)
@pytest.mark.parametrize("angle", [20.0, 75.0, 140.0])
def test_each_source_starts_where_it_is_heard(array, angle):
    """A source from a direction takes turns with diffuse noise: its field is found, and the noise's is
    diffuse."""
    places = ARRAYS[array]
    towards = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle)), 0])
    direct = spatial.direct_diffuse(FREQUENCIES, places, towards, reverberation=0.3)
    diffuse = spatial.diffuse(FREQUENCIES, places)
    X = np.concatenate([gaussian(direct, 60, 0), gaussian(diffuse, 60, 1)], axis=2)
    v = np.full((2, 257, 120), 1e-3)
    v[0, :, :60] = v[1, :, 60:] = 1.0
    found = heard_fields(X, v, ("voice", "noise"), Scene(FREQUENCIES, places), reverberation=0.3)
    assert found.shape == (2, 257, len(places), len(places))
    assert np.allclose(found[1], diffuse)
    # Low frequencies agree whatever the direction, so that the mean tells a wrong one clearly.
    assert np.abs(found[0] - direct).mean() < 0.12
    assert np.abs(found[0] - diffuse).mean() > 0.2


@pytest.mark.parametrize("array", ARRAYS)
@pytest.mark.parametrize("count", [1, 2, 4])
def test_fields_without_any_clue_differ(array, count):
    fields = spread_fields(count, Scene(FREQUENCIES, ARRAYS[array]))
    assert fields.shape == (count, 257, *[len(ARRAYS[array])] * 2)
    assert np.allclose(fields, np.conj(np.swapaxes(fields, -1, -2)))
    assert np.linalg.eigvalsh(fields).min() > -1e-9
    for one in range(count):
        for other in range(one):
            assert np.abs(fields[one] - fields[other]).mean() > 0.02


@pytest.mark.parametrize("name", METHODS)
def test_methods_are_made_by_name_with_their_own_options(name):
    method = make(name, {"iterations": 3, "background": None})
    assert method.name == name
    assert method.iterations == 3
    assert method.background == 0
    assert method.patterns("anything") == 32
    assert make(name, {"components": {"a": 5}}).patterns("a") == 5
    with pytest.raises(AvfrontError, match="--wings"):
        make(name, {"wings": 2})


def test_published_models_come_with_the_papers_settings():
    paper = make("spatial", {"variance_model": "separation"})
    assert (paper.frame_seconds, paper.iterations, paper.inner_iterations, paper.dictionary_iterations) == (
        0.064,
        15,
        10,
        20,
    )
    assert (paper.sparsity, paper.mix) == (10.0, 0.2)
    assert make("spatial", {"variance_model": "separation", "iterations": 4}).iterations == 4
    assert make("spatial", {}).variance_model == "joint"
    assert make("spatial", {"variance_model": "joint"}) == make("spatial", {})


def test_noise_has_fewer_patterns_and_some_of_its_own():
    method = make("spatial", {})
    assert method.patterns("noise") == 16
    assert set(method.learned(("speech", "noise"))) == {"noise"}
    assert method.learned(("violin", "cello")) == {}
    assert make("spatial", {"background": 4}).learned(("violin", "background")) == {"background": 4}
    assert make("spatial", {"variance_model": "denoising"}).learned(("speech", "noise")) == {}
