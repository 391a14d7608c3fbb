"""The directions that the spatial method starts from."""

import numpy as np
import pytest

from avfront.errors import AvfrontError
from avfront.geometry import line
from avfront.methods import METHODS, make
from avfront.methods.spatial import heard_fields, sound_fields

FREQUENCIES = np.fft.rfftfreq(512, 1 / 16000)


def gaussian(R: np.ndarray, frames: int, seed: int) -> np.ndarray:
    """Samples (I, F, N) of a field with covariances R (F, I, I)."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((*R.shape[:2], frames)) + 1j * rng.standard_normal((*R.shape[:2], frames))
    root = np.linalg.cholesky(R + 1e-6 * np.eye(R.shape[-1]))
    return np.moveaxis(root @ noise, 1, 0)


@pytest.mark.parametrize(
    ("microphones", "count"),
    [
        (line(2, 0.086), 20),
        (line(5, 0.04), 20),
        (np.array([[0.05, 0, 0], [0, 0.05, 0], [-0.05, 0, 0], [0, -0.05, 0]]), 25),
        (np.array([[0.05, 0, 0], [0, 0.05, 0], [0, 0, 0.05], [0, 0, 0]]), 73),
    ],
)
def test_fields_fit_the_array(microphones, count):
    fields = sound_fields(FREQUENCIES, microphones)
    assert fields.shape == (count, 257, len(microphones), len(microphones))
    assert np.allclose(fields, np.conj(np.swapaxes(fields, -1, -2)))
    assert np.allclose(np.trace(fields, axis1=-2, axis2=-1), len(microphones))
    assert np.linalg.eigvalsh(fields).min() > -1e-9


@pytest.mark.parametrize("true", [0, 3, 9, 16])
def test_each_source_is_heard_where_it_is(true):
    """Two sources that take turns, the one diffuse or from some direction, are recognised."""
    fields = sound_fields(FREQUENCIES, line(2, 0.086))
    other = 12
    X = np.concatenate([gaussian(fields[true], 60, 0), gaussian(fields[other], 60, 1)], axis=2)
    v = np.full((2, 257, 120), 1e-3)
    v[0, :, :60] = v[1, :, 60:] = 1.0
    found = heard_fields(X, v, fields)
    for source, index in enumerate((true, other)):
        distance = np.abs(found[source] - fields).mean(axis=(1, 2, 3))
        assert distance.argmin() == index


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


def test_noise_has_fewer_patterns_and_some_of_its_own():
    method = make("spatial", {})
    assert method.patterns("noise") == 16
    assert set(method.learned(("speech", "noise"))) == {"noise"}
    assert method.learned(("violin", "cello")) == {}
    assert make("spatial", {"background": 4}).learned(("violin", "background")) == {"background": 4}
