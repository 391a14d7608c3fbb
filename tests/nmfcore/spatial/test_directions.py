"""Directions of arrival."""

import numpy as np
import pytest

from nmfcore.spatial import direct_diffuse, direction_of_arrival, spatial_spectrum
from nmfcore.spatial.covariances import steering
from nmfcore.spatial.directions import grid

FREQUENCIES = np.linspace(0, 8000, 129)
LINE = np.array([[0.0, 0, 0], [0.05, 0, 0], [0.12, 0, 0]])
PLANE = np.array([[0.0, 0, 0], [0.06, 0, 0], [0.0, 0.06, 0], [0.05, 0.07, 0]])
SPACE = np.array([[0.0, 0, 0], [0.06, 0, 0], [0.0, 0.06, 0], [0.0, 0, 0.06]])


def wave(array: np.ndarray, towards: np.ndarray, noise: float = 0.0, seed: int = 0) -> np.ndarray:  # type: ignore[type-arg]
    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> np.ndarray:  # type: ignore[type-arg]
        return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)

    d = steering(FREQUENCIES, array, towards)
    return d.T[:, :, None] * normal(129, 20) + noise * normal(len(array), 129, 20)


@pytest.mark.parametrize("angle", [0, 20, 45, 90, 130, 180])
def test_a_line_finds_the_angle_to_it(angle: float) -> None:
    towards = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle)), 0])
    for noise in (0.0, 0.5):
        found, agreement = direction_of_arrival(wave(LINE, towards, noise), FREQUENCIES, LINE)
        assert abs(np.degrees(np.arccos(np.clip(found[0], -1, 1))) - angle) <= 4
        assert agreement > (0.97 if noise == 0 else 0.5)


@pytest.mark.parametrize("array", [PLANE, SPACE], ids=["plane", "space"])
@pytest.mark.parametrize("towards", [[1.0, 0, 0], [-1, 1, 0.5], [0, -1, 1], [0, 0, 1]])
def test_other_arrays_find_the_direction(array: np.ndarray, towards: list[float]) -> None:  # type: ignore[type-arg]
    want = np.array(towards) / np.linalg.norm(towards)
    found, _ = direction_of_arrival(wave(array, want), FREQUENCIES, array, step=4)
    if array is PLANE:
        found[2] = abs(found[2])  # above and below sound the same
    assert np.degrees(np.arccos(np.clip(found @ want, -1, 1))) < 10


def test_weights_choose_the_source() -> None:
    left, right = np.array([-1.0, 0.3, 0]), np.array([1.0, 0.3, 0])
    X = np.concatenate([wave(LINE, left), wave(LINE, right)], axis=2)
    for side, frames in ((-1, slice(0, 20)), (1, slice(20, 40))):
        weights = np.zeros((129, 40))
        weights[:, frames] = 1
        assert direction_of_arrival(X, FREQUENCIES, LINE, weights=weights)[0][0] * side > 0.8


def test_noise_agrees_with_no_direction() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((3, 129, 100)) + 1j * rng.standard_normal((3, 129, 100))
    assert direction_of_arrival(X, FREQUENCIES, LINE)[1] < 0.2


@pytest.mark.parametrize("step", [2.0, 10.0, 45.0])
@pytest.mark.parametrize("array", [LINE, PLANE, SPACE], ids=["line", "plane", "space"])
def test_candidates_are_unit_vectors(array: np.ndarray, step: float) -> None:  # type: ignore[type-arg]
    candidates = grid(array, step)
    np.testing.assert_allclose(np.linalg.norm(candidates, axis=1), 1)
    assert len(np.unique(candidates.round(9), axis=0)) == len(candidates)


def test_bad_arguments() -> None:
    X = wave(LINE, np.array([1.0, 0, 0]))
    with pytest.raises(ValueError, match=r"^X has 3 channels and there are 4 microphones"):
        direction_of_arrival(X, FREQUENCIES, PLANE)
    with pytest.raises(ValueError, match=r"^X has 1 channels"):
        direction_of_arrival(X[:1], FREQUENCIES, LINE[:1])
    with pytest.raises(ValueError, match=r"^band="):
        direction_of_arrival(X, FREQUENCIES, LINE, band=(9000, 10000))
    with pytest.raises(ValueError, match=r"^weights have shape"):
        direction_of_arrival(X, FREQUENCIES, LINE, weights=np.ones(3))
    for step in (0.0, 100.0):
        with pytest.raises(ValueError, match=r"^step="):
            grid(LINE, step)


def test_the_spectrum_of_a_field_peaks_where_it_comes_from() -> None:
    candidates = grid(PLANE, 10.0)
    towards = candidates[17]
    R = np.stack(
        [
            direct_diffuse(FREQUENCIES, PLANE, towards, reverberation=0.1),
            np.tile(np.eye(4), (len(FREQUENCIES), 1, 1)),
        ]
    )
    found = spatial_spectrum(R, FREQUENCIES, PLANE, candidates)
    assert found[0].argmax() == 17
    assert found.min() >= 0
    assert found.max() <= 1
    np.testing.assert_allclose(found[1], 1 / 4)
    with pytest.raises(ValueError, match=r"^R has shape"):
        spatial_spectrum(R[:, 1:], FREQUENCIES, PLANE, candidates)
    with pytest.raises(ValueError, match=r"^band="):
        spatial_spectrum(R, FREQUENCIES, PLANE, candidates, band=(9e5, 1e6))
