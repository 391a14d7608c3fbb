"""Enhancement: components chosen by their scores; what is left out stays in the rest."""

import numpy as np
import pytest

from avfront.enhancement import adaptive_thresholds, energies, enhance, gains, relevance
from avfront.errors import AvfrontError
from avfront.proposals import Heard, Settings, hear, spectrogram

pytest.importorskip("torch")
RATE = 16000


@pytest.fixture(scope="module")
def duet() -> tuple[np.ndarray, np.ndarray, Heard]:
    """A low tone that pulses, a high one that does so at another pace, and the mixture's proposals."""
    t = np.arange(3 * RATE) / RATE
    low = 0.3 * np.sin(2 * np.pi * 300 * t) * (np.sin(2 * np.pi * 1.5 * t) > 0)
    high = 0.2 * np.sin(2 * np.pi * 2500 * t) * (np.sin(2 * np.pi * 2.3 * t) > 0)
    [heard] = hear([(low + high).astype(np.float32)], Settings(components=2, iterations=60))
    return low, high, heard


def scores_for(heard: Heard, hertz: float) -> np.ndarray:
    """Scores that speak for the component at this frequency, in one of its segments only."""
    peaks = heard.patterns.argmax(axis=0) * RATE / 1024
    right = int(np.argmin(np.abs(peaks - hertz)))
    scores = np.full(len(heard.ncp_components), -0.1)
    scores[np.flatnonzero(heard.ncp_components == right)[1]] = 0.5
    return scores


@pytest.mark.parametrize("rule", ["soft", 0.5])
def test_the_right_tone_comes_out(duet: tuple[np.ndarray, np.ndarray, Heard], rule: float | str) -> None:
    low, high, heard = duet
    mixture = (low + high).astype(np.float32)
    for hertz, true in ((300, low), (2500, high)):
        done = enhance("tone", mixture, scores_for(heard, hertz), heard, rule=rule)
        assert 10 * np.log10(np.sum(true**2) / np.sum((done.source - true) ** 2)) > 12
        np.testing.assert_allclose(done.source + done.rest, mixture, atol=1e-6)


def test_an_event_comes_out_of_a_steady_background_although_its_score_is_doubtful() -> None:
    t = np.arange(3 * RATE) / RATE
    hum = 0.3 * np.sin(2 * np.pi * 300 * t)
    call = 0.3 * np.sin(2 * np.pi * 2500 * t) * (np.abs(t - 1.5) < 0.3)
    mixture = (hum + call).astype(np.float32)
    [heard] = hear([mixture], Settings(components=2, iterations=60))
    scores = scores_for(heard, 2500)
    scores[scores < 0] = 0.3  # the hum is nearly as relevant
    found, fixed = (enhance("call", mixture, scores, heard, rule=rule) for rule in ("adaptive", 0.0))
    errors = [np.sum((done.source - call) ** 2) for done in (found, fixed)]
    assert errors[0] < 0.2 * errors[1]
    assert found.gains.sum() == 1
    np.testing.assert_allclose(found.source + found.rest, mixture, atol=1e-6)


def test_a_component_is_as_relevant_as_its_best_segment() -> None:
    found = relevance([0.0, 3.0, 1.0, 1.0, -1.0, 0.5], np.array([0, 0, 1, 1, 2, 2]), 3)
    np.testing.assert_allclose(found, [1.0, 0.2, 0.0])
    assert relevance([0.5, 0.5], np.array([0, 1]), 2).tolist() == [1.0, 1.0]


def test_energies_add_up_to_that_of_the_mixture(duet: tuple[np.ndarray, np.ndarray, Heard]) -> None:
    low, high, heard = duet
    X = spectrogram((low + high).astype(np.float32))
    found = energies(X, heard.patterns, heard.activations)
    assert found.sum() == pytest.approx(float(np.sum(np.abs(X) ** 2)), rel=1e-3)


def test_what_is_steady_has_to_be_more_relevant() -> None:
    relevant, crest = np.full(6, 0.5), np.array([1.0, 1.05, 1.1, 3.0, 4.0, 5.0])
    thresholds = adaptive_thresholds(relevant, np.ones(6), crest)
    assert (np.diff(thresholds) < 0).all()
    assert gains(relevant, "adaptive", np.ones(6), crest)[0].tolist() == [0, 0, 0, 1, 1, 1]


def test_relevance_decides_among_components_that_are_alike_otherwise() -> None:
    for count in (5, 10):
        relevant = np.repeat([1.0, 0.0], [count, 20 - count])
        thresholds = adaptive_thresholds(relevant, np.ones(20), np.full(20, 1.5))
        assert np.ptp(thresholds) < 1e-9
        assert (relevant[:count] >= thresholds[:count]).all()


def test_thresholds_say_the_same_as_gains() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        relevant, energy, crest = rng.random(8), rng.gamma(1, 1, 8), 1 + rng.gamma(1, 1, 8)
        kept, thresholds = gains(relevant, "adaptive", energy, crest)
        assert thresholds is not None
        assert 1 <= kept.sum() <= 8
        np.testing.assert_array_equal(kept, relevant >= thresholds)


def test_a_mask_that_is_none() -> None:
    for rule in ("hard", -0.1, 1.5):
        with pytest.raises(AvfrontError, match="choose adaptive, soft, or a threshold from 0 to 1"):
            gains(np.ones(3), rule, np.ones(3), np.ones(3))  # type: ignore[arg-type]


def test_scores_of_a_system_that_does_not_hear_components(duet: tuple[np.ndarray, np.ndarray, Heard]) -> None:
    low, _, heard = duet
    with pytest.raises(AvfrontError, match="give a system that hears NMF components"):
        enhance("tone", low.astype(np.float32), np.zeros(0), heard)
