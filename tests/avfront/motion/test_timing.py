"""Resampling against the analytic mean, and delays that are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nmfcore
from avfront.motion.timing import centres, delay, onto_frames


@pytest.mark.parametrize(("frame", "hop"), [(256, 64), (256, 128), (100, 30)])
def test_centres_are_the_transforms_own(frame: int, hop: int) -> None:
    """A click is loudest in the frame whose middle is nearest."""
    rate, at = 1000, 700
    x = np.zeros(1500)
    x[at] = 1
    loud = np.abs(nmfcore.stft(x, frame, hop, "hann")).sum(axis=0)
    middles = centres(len(loud), frame, hop, rate)
    assert abs(middles[loud.argmax()] - at / rate) <= 0.51 * hop / rate


@settings(max_examples=30, deadline=None)
@given(st.floats(10, 300), st.integers(1, 3), st.integers(0, 10**6))
def test_means_of_constants_and_bounds(rate: float, columns: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    times = np.cumsum(rng.uniform(0.5, 1.5, 50)) / rate
    values = rng.random((50, columns))
    found = onto_frames(times, values, np.arange(30) / 40, 0.09)
    assert found.shape == (30, columns)
    assert (found >= values.min(axis=0) - 1e-12).all()
    assert (found <= values.max(axis=0) + 1e-12).all()
    np.testing.assert_allclose(onto_frames(times, 0 * values + 3, np.arange(5) / 40, 0.09), 3)


@pytest.mark.parametrize("rate", [12.0, 25.0, 240.0, 1000.0])
def test_slow_motion_is_kept_at_any_rate(rate: float) -> None:
    t = np.arange(int(4 * rate)) / rate
    at = np.arange(20, 140) / 43
    found = onto_frames(t, (1 + np.sin(2 * np.pi * t))[:, None], at, 0.093)[:, 0]
    np.testing.assert_allclose(found, 1 + np.sin(2 * np.pi * at), atol=0.05)


def test_no_aliases() -> None:
    """Faster than half the frame rate: averaged away, where plain interpolation folds it down."""
    t = np.arange(2400) / 240
    at = np.arange(20, 400) / 43
    for hertz in (30.0, 41.0, 45.0, 80.0):
        found = onto_frames(t, np.sin(2 * np.pi * hertz * t)[:, None], at, 4 / 43)
        assert np.abs(found).max() < 0.08


@pytest.mark.parametrize(("times", "width"), [([0.0, 0.0], 0.1), ([1.0, 0.5], 0.1), ([0.0], 0.1), ([0.0, 1.0], 0.0)])
def test_bad_times(times: list[float], width: float) -> None:
    with pytest.raises(ValueError, match="must"):
        onto_frames(times, np.zeros((2, 1)), [0.0], width)


@pytest.mark.parametrize("shift", [-9, -3, 0, 4, 11])
def test_known_delays(shift: int) -> None:
    rng = np.random.default_rng(3)
    steps = np.repeat(rng.random((3, 120)), 5, axis=1)
    H = steps + 0.1 * rng.random(steps.shape)
    M = np.roll(np.stack([steps[0] + steps[1], steps[2], rng.random(600)]), shift, axis=1).T + 0.1 * rng.random(
        (600, 3)
    )
    assert delay(H, np.sqrt(H.sum(axis=0)), M, 0.02) == pytest.approx(shift * 0.02, abs=0.021)


def test_unrelated_motion_has_no_delay() -> None:
    rng = np.random.default_rng(0)
    assert delay(rng.random((4, 300)), rng.random(300), np.zeros((300, 2)), 0.02) == 0.0
    assert delay(rng.random((4, 3)), rng.random(3), rng.random((3, 2)), 0.02) == 0.0
    assert delay(np.ones((4, 300)), np.ones(300), rng.random((300, 2)), 0.02) == 0.0
