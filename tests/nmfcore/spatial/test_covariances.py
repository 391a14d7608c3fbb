"""Initial spatial covariances."""

from typing import Any

import numpy as np
import pytest

from nmfcore.spatial import diffuse, direct_diffuse, regularized
from nmfcore.spatial.covariances import SPEED_OF_SOUND, positions, steering

FREQUENCIES = np.linspace(0, 8000, 33)
ARRAY = np.array([[0.0, 0, 0], [0.086, 0, 0], [0.03, 0.05, 0.02]])


def test_diffuse_is_the_mean_over_plane_waves_from_everywhere() -> None:
    """sin(kd)/(kd) is what the sphere of all directions adds up to."""
    rng = np.random.default_rng(0)
    directions = rng.standard_normal((40000, 3))
    waves = np.stack([steering(FREQUENCIES[::4], ARRAY, d) for d in directions[:4000]])
    mean = np.einsum("lfa,lfb->fab", waves, waves.conj()) / len(waves)
    np.testing.assert_allclose(mean, diffuse(FREQUENCIES[::4], ARRAY), atol=0.06)


def test_diffuse_of_a_pair() -> None:
    R = diffuse(FREQUENCIES, ARRAY[:2])
    kd = 2 * np.pi * FREQUENCIES[1:] * 0.086 / SPEED_OF_SOUND
    np.testing.assert_allclose(R[1:, 0, 1], np.sin(kd) / kd, atol=1e-12)
    np.testing.assert_array_equal(R[:, 0, 0], 1)
    assert R[0, 0, 1] == 1


def test_a_wave_reaches_the_nearer_microphone_first() -> None:
    d = steering(np.array([1000.0]), ARRAY[:2], [1.0, 0, 0])[0]  # from the side of the second microphone
    delay = np.angle(d[1] / d[0]) / (2 * np.pi * 1000)  # s by which the second is ahead
    assert delay == pytest.approx(0.086 / SPEED_OF_SOUND)
    broadside = steering(FREQUENCIES, ARRAY[:2], [0.0, 1])
    np.testing.assert_allclose(broadside[:, 0], broadside[:, 1])


def test_the_length_of_the_direction_does_not_matter() -> None:
    np.testing.assert_allclose(
        steering(FREQUENCIES, ARRAY, [3.0, 4.0, 0.0]), steering(FREQUENCIES, ARRAY, [0.6, 0.8]), atol=1e-12
    )


@pytest.mark.parametrize("reverberation", [0.01, 0.3, 10.0])
def test_direct_and_diffuse(reverberation: float) -> None:
    R = direct_diffuse(FREQUENCIES, ARRAY, [1.0, 2.0, 0.5], reverberation=reverberation)
    np.testing.assert_allclose(R, np.conj(np.swapaxes(R, -1, -2)), atol=1e-12)
    np.testing.assert_allclose(np.trace(R, axis1=1, axis2=2), 3)
    assert np.linalg.eigvalsh(R[1:]).min() > 0
    d = steering(FREQUENCIES, ARRAY, [1.0, 2.0, 0.5])
    want = (np.einsum("fa,fb->fab", d, d.conj()) + reverberation * diffuse(FREQUENCIES, ARRAY)) / (1 + reverberation)
    np.testing.assert_allclose(R, want, atol=1e-12)


@pytest.mark.parametrize("level", [1e-20, 1.0, 1e20])
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_regularized(channels: int, level: float) -> None:
    rng = np.random.default_rng(0)
    A = rng.standard_normal((2, 3, channels, channels)) + 1j * rng.standard_normal((2, 3, channels, channels))
    good = level * (A @ np.conj(np.swapaxes(A, -1, -2)))
    d = A[..., :1]
    singular = level * (d @ np.conj(np.swapaxes(d, -1, -2)))
    for R in (good, singular, level * A, np.zeros_like(A)):
        out = regularized(R, 1e-4)
        np.testing.assert_allclose(out, np.conj(np.swapaxes(out, -1, -2)), atol=1e-12)
        np.testing.assert_allclose(np.trace(out, axis1=-2, axis2=-1), channels)
        values = np.linalg.eigvalsh(out)
        assert (values[..., 0] >= 0.99e-4 * values[..., -1]).all()
    trace = np.trace(good, axis1=-2, axis2=-1).real[..., None, None]
    np.testing.assert_allclose(regularized(good, 1e-12), good * channels / trace, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(regularized(np.zeros_like(A)), np.broadcast_to(np.eye(channels), A.shape))


def test_positions_are_completed() -> None:
    assert positions([[1.0], [2.0]]).tolist() == [[1, 0, 0], [2, 0, 0]]
    assert positions([[1.0, 2.0]]).tolist() == [[1, 2, 0]]


@pytest.mark.parametrize("microphones", [[1.0, 2.0], [[1.0, 2, 3, 4]], np.ones((0, 3)), [[np.nan, 0, 0]]])
def test_bad_microphones(microphones: Any) -> None:
    with pytest.raises(ValueError, match=r"^microphones must be finite positions"):
        diffuse(FREQUENCIES, microphones)


def test_bad_directions_and_reverberation() -> None:
    with pytest.raises(ValueError, match=r"^direction must not be the zero vector"):
        steering(FREQUENCIES, ARRAY, [0.0, 0, 0])
    for bad in (0.0, -1.0, np.nan):
        with pytest.raises(ValueError, match=r"^reverberation="):
            direct_diffuse(FREQUENCIES, ARRAY, [1.0, 0, 0], reverberation=bad)
