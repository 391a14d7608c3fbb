"""Settings of the spatial method, and what it hands from segment to segment."""

import numpy as np
import pytest

from avfront.errors import AvfrontError
from avfront.methods import METHODS, Scene, make
from nmfcore.models import Dictionary


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
    assert make("spatial", {"variance_model": "denoising", "background": 4}).learned(("a", "background")) == {
        "background": 4
    }
    assert make("spatial", {"variance_model": "nmf"}).learned(("speech", "noise")) == {}


@pytest.mark.parametrize(
    "options",
    [
        {"covariance": "round"},
        {"start": "guess"},
        {"beam": "laser"},
        {"groups": "rows"},
        {"variance_model": "best"},
        {"start": "clusters"},
        {"variance_model": "nmf", "background": 3},
    ],
)
def test_settings_that_do_not_exist_or_fit_are_named(options):
    with pytest.raises(AvfrontError) as caught:
        make("spatial", options)
    assert caught.value.usage
    assert str(caught.value).endswith(".")


def test_a_segment_begins_where_the_one_before_ended():
    """The second segment's covariances stay near the first's, although it alone says nothing of directions."""
    rng = np.random.default_rng(0)
    bins, frames = 9, 40
    W = rng.dirichlet(np.ones(bins), 4).T
    dictionary = Dictionary(W, ("a", "b"), {"a": (slice(0, 2),), "b": (slice(2, 4),)})
    scene = Scene(np.linspace(0, 8000, bins), None)
    phase = np.exp(2j * np.pi * rng.random((2, 2, bins, 1)))  # of each source between two microphones
    power = np.stack([W[:, :2] @ rng.gamma(0.3, size=(2, frames)), W[:, 2:] @ rng.gamma(0.3, size=(2, frames))])
    sounds = np.sqrt(power) * (rng.standard_normal((2, bins, frames, 2)) @ [1, 1j])
    X = (phase * sounds[:, None]).sum(axis=0)
    method = make("spatial", {"iterations": 15, "prior": 0.0})
    first = method.separate(X, [dictionary], ("a", "b"), scene, seed=0, progress=lambda share: None)
    noise = rng.standard_normal((2, bins, frames, 2)) @ [1, 1j]
    alone, after = (
        method.separate(noise, [dictionary], ("a", "b"), scene, seed=0, progress=lambda share: None, previous=previous)
        for previous in (None, first)
    )
    assert first.model is not None
    away = [float(np.linalg.norm(one.model.R - first.model.R)) for one in (alone, after)]
    assert away[1] < 0.75 * away[0]
    assert after.start == {"a": "an earlier fit", "b": "an earlier fit"}
    assert set(first.usage) == {"a", "b"}
    assert first.usage["a"].shape == (1, frames)


@pytest.mark.parametrize(("channels", "stages"), [(4, [12]), (5, [6, 3])])
def test_beyond_four_channels_the_full_model_begins_where_a_diagonal_one_ends(channels, stages):
    rng = np.random.default_rng(0)
    bins, frames = 5, 40
    W = rng.dirichlet(np.ones(bins), 4).T
    dictionary = Dictionary(W, ("a", "noise"), {"a": (slice(0, 2),), "noise": (slice(2, 4),)})
    X = (rng.standard_normal((channels, bins, frames, 2)) @ [1, 1j]).astype(np.complex64)
    shares = []
    found = make("spatial", {"iterations": 12}).separate(
        X, [dictionary], ("a", "noise"), Scene(np.linspace(0, 8000, bins), None), seed=0, progress=shares.append
    )
    assert len(found.objective) == sum(stages)
    steps = 6 + sum(stages)  # half a fit comes first
    assert shares == pytest.approx(np.arange(1, steps + 1) / steps)
    assert found.start["a"] == "its direct path as it is heard"
    assert sum(found.images.values()) == pytest.approx(X, abs=1e-4)
    assert np.linalg.eigvalsh(found.model.R).min() > 0
