"""The short-time Fourier transform and its inverse."""

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nmfcore import istft, stft
from nmfcore.transform import WINDOWS, make_window


def least_weight(window: str, frame: int, hop: int) -> float:
    """The least sum of squared windows over a sample, relative to the greatest."""
    total = np.zeros(hop)
    for n, w in enumerate(make_window(window, frame)):
        total[n % hop] += w**2
    return float(total.min() / total.max())


@settings(max_examples=150, deadline=None)
@given(
    length=st.integers(1, 700),
    frame=st.integers(2, 130),
    hop=st.integers(1, 130),
    window=st.sampled_from(WINDOWS),
    lead=st.sampled_from([(), (1,), (2,), (2, 3)]),
    single=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_inverse_gives_the_signal_back(
    length: int, frame: int, hop: int, window: str, lead: tuple[int, ...], single: bool, seed: int
) -> None:
    assume(hop <= frame)
    x = np.random.default_rng(seed).standard_normal((*lead, length)).astype(np.float32 if single else np.float64)
    least = least_weight(window, frame, hop)
    if least < 1e-8:
        with pytest.raises(ValueError, match=rf"^hop={hop} leaves samples without weight"):
            stft(x, frame, hop, window)
        return
    X = stft(x, frame, hop, window)
    y = istft(X, frame, hop, window, length=length)
    assert X.shape[:-1] == (*lead, frame // 2 + 1)
    assert X.dtype == (np.complex64 if single else np.complex128)
    assert y.dtype == x.dtype
    assert y.shape == x.shape
    # Rounding grows where a sample has little weight; the windows and hops in use have least > 0.1.
    tolerance = (2e-6 if single else 1e-13) / np.sqrt(least)
    assert np.abs(y - x).max() <= tolerance * max(1.0, float(np.abs(x).max()))


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize(("frame", "hop"), [(1024, None), (1024, 256), (512, 128), (2048, 512), (1000, 250)])
def test_settings_in_use_are_exact_to_a_millionth_in_float32(window: str, frame: int, hop: int | None) -> None:
    x = np.random.default_rng(0).uniform(-1, 1, (2, 16001)).astype(np.float32)
    X = stft(x, frame, hop, window)
    assert np.abs(istft(X, None, hop, window, length=x.shape[-1]) - x).max() < 1e-6


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize(("frame", "hop"), [(16, 8), (15, 4), (16, 5)])
def test_each_frame_is_a_windowed_fourier_sum(window: str, frame: int, hop: int) -> None:
    x = np.random.default_rng(0).standard_normal(50)
    X = stft(x, frame, hop, window)
    w = make_window(window, frame)
    lead = frame - hop  # zeros before the signal
    assert (X.shape[1] - 1) * hop + frame >= lead + 50
    for n in range(X.shape[1]):
        for f in range(X.shape[0]):
            times = np.arange(frame)
            where = n * hop + times - lead
            inside = (where >= 0) & (where < 50)
            samples = np.where(inside, x[np.clip(where, 0, 49)], 0)
            assert X[f, n] == pytest.approx(np.sum(samples * w * np.exp(-2j * np.pi * f * times / frame)), abs=1e-11)


def test_batches_are_transformed_one_by_one() -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 400))
    X = stft(x, 64)
    for i in np.ndindex(2, 3):
        np.testing.assert_array_equal(X[i], stft(x[i], 64))
        np.testing.assert_array_equal(istft(X, length=400)[i], istft(X[i], length=400))


def test_the_inverse_is_the_nearest_signal() -> None:
    """For a changed spectrogram, least squares (Griffin and Lim): every other signal is farther away."""
    rng = np.random.default_rng(0)
    X = stft(rng.standard_normal(100), 16, 4)
    X += 0.5 * (rng.standard_normal(X.shape) + 1j * rng.standard_normal(X.shape))
    X[[0, -1]] = X[[0, -1]].real  # of real frames
    y = istft(X, 16, 4, length=100)
    weight = np.full(9, 2.0)
    weight[[0, -1]] = 1  # bins that stand for a conjugate pair count twice

    def distance(signal: NDArray[Any]) -> float:
        return float(np.sum(weight[:, None] * np.abs(stft(signal, 16, 4) - X) ** 2))

    best = distance(y)
    for _ in range(10):
        assert distance(y + 1e-3 * rng.standard_normal(100)) > best


def test_windows_are_periodic_and_peak_at_one() -> None:
    for name in WINDOWS:
        w = make_window(name, 64)
        assert w.shape == (64,)
        assert 0.999 < w.max() <= 1
        assert w.min() >= 0
    np.testing.assert_allclose(make_window("hann", 64)[:32] + make_window("hann", 64)[32:], 1)
    np.testing.assert_allclose(make_window("sine", 64)[:32] ** 2 + make_window("sine", 64)[32:] ** 2, 1)


def test_silence_and_integers() -> None:
    assert not stft(np.zeros(100), 16).any()
    x = np.arange(-50, 50, dtype=np.int16)
    np.testing.assert_allclose(istft(stft(x, 16), length=100), x, atol=1e-12)


def test_inputs_are_not_changed() -> None:
    x = np.random.default_rng(0).standard_normal(100)
    x.flags.writeable = False
    X = stft(x, 16)
    X.flags.writeable = False
    istft(X, length=100)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"frame": 1}, r"^frame=1 "),
        ({"frame": 16, "hop": 0}, r"^hop=0 "),
        ({"frame": 16, "hop": 17}, r"^hop=17 "),
        ({"frame": 16, "window": "kaiser"}, r"^window='kaiser'"),
        ({"frame": 16, "hop": 16, "window": "hann"}, r"^hop=16 leaves samples without weight"),
    ],
)
def test_bad_settings(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        stft(np.ones(100), **arguments)


@pytest.mark.parametrize("x", [np.ones(0), np.ones(5, complex), np.float64(1), np.array(["a"])])
def test_bad_signals(x: Any) -> None:
    with pytest.raises(ValueError, match=r"^x must hold real signals"):
        stft(x, 16)


def test_a_spectrogram_of_another_signal_is_refused() -> None:
    X = stft(np.ones(100), 16)
    with pytest.raises(ValueError, match=r"^X has 9 bins and 14 frames, but a signal of 50 samples"):
        istft(X, length=50)
    with pytest.raises(ValueError, match=r"^X has 9 bins"):
        istft(X, frame=32, length=100)
    with pytest.raises(ValueError, match=r"^X must have shape"):
        istft(np.ones(9, complex), length=100)
