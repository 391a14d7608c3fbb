"""Initial covariances from a prior separation, from clusters, and the automatic choice."""

import numpy as np
import pytest

from nmfcore import spatial
from nmfcore.spatial import Start

FREQUENCIES = np.linspace(0, 8000, 33)
TRIANGLE = np.array([[0.0, 0, 0], [0.08, 0, 0], [0.03, 0.06, 0.0]])
ARRAYS = {
    "pair": np.array([[-0.043, 0, 0], [0.043, 0, 0]]),
    "line": np.array([[0.04 * i, 0, 0] for i in range(5)]),
    "plane": np.array([[0.05, 0, 0], [0, 0.05, 0], [-0.05, 0, 0], [0, -0.05, 0]]),
    "space": np.array([[0.05, 0, 0], [0, 0.05, 0], [0, 0, 0.05], [0, 0, 0]]),
}


def turns(R: np.ndarray, frames: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A mixture (I, F, N) of sources that take turns at random, and who speaks when (J, N)."""
    rng = np.random.default_rng(seed)
    owner = rng.integers(len(R), size=frames)
    active = (owner == np.arange(len(R))[:, None]).astype(float)
    white = rng.standard_normal((R.shape[1], frames, R.shape[-1], 2)) @ [1, 1j]
    root = np.linalg.cholesky(R + 1e-6 * np.eye(R.shape[-1]))
    images = np.einsum("jfab,fnb->jafn", root, white) * active[:, None, None] * rng.uniform(0.5, 2, frames)
    return images.sum(0), active


def fields(*directions: tuple[float, float]) -> np.ndarray:
    made = [spatial.direct_diffuse(FREQUENCIES, TRIANGLE, one, reverberation=0.05) for one in directions]
    return np.stack(made)


def error(found: np.ndarray, true: np.ndarray) -> float:
    """Relative distance, without the lowest bins, in which all directions look alike."""
    return float(np.linalg.norm((found - true)[:, 4:]) / np.linalg.norm(true[:, 4:]))


def test_weights_pick_the_covariance_of_each_source() -> None:
    R = fields((1, 0), (-1, 1), (0, -1))
    X, active = turns(R, 1500)
    weights = np.repeat(active[:, None], len(FREQUENCIES), axis=1)
    assert error(spatial.from_weights(X, weights), R) < 0.15
    assert error(spatial.from_images(X * weights[:, None]), R) < 0.2
    np.testing.assert_allclose(spatial.from_weights(1e-6 * X, 7 * weights), spatial.from_weights(X, weights))


@pytest.mark.parametrize("share", [0.6, 0.9])
@pytest.mark.parametrize("array", ARRAYS)
def test_direct_paths_are_found_although_shares_tell_little(array: str, share: float) -> None:
    """Weights mix the covariances of a talker and of ambient sound; measured against each other they are apart."""
    place = ARRAYS[array]
    wanted = spatial.direct_diffuse(FREQUENCIES, place, [0.6, 0.8, 0], reverberation=0.05)
    ambient = spatial.diffuse(FREQUENCIES, place).astype(complex)
    X, active = turns(np.stack([wanted, ambient]), 1500)
    shares = np.repeat(share * active[:, None] + (1 - share) * (1 - active[:, None]), len(FREQUENCIES), axis=1)
    found = spatial.direct_paths(X, shares, ambient=[1], reverberation=0.05)
    assert error(found[:1], wanted[None]) < 0.2
    assert error(found[:1], wanted[None]) < 0.6 * error(spatial.from_weights(X, shares[:1] ** 2), wanted[None])
    np.testing.assert_allclose(np.trace(found, axis1=-2, axis2=-1), len(place))
    assert np.linalg.eigvalsh(found).min() > -1e-9


@pytest.mark.filterwarnings("error")
def test_direct_paths_of_nothing_and_of_copies() -> None:
    for X in (np.zeros((3, 4, 5), complex), np.ones((3, 4, 5), complex)):
        for shares in (np.full((2, 4, 5), 0.5), np.stack([np.ones((4, 5)), np.zeros((4, 5))])):
            found = spatial.direct_paths(X, shares)
            assert np.isfinite(found).all()
            np.testing.assert_allclose(np.trace(found, axis1=-2, axis2=-1), 3)


@pytest.mark.parametrize("array", ARRAYS)
@pytest.mark.parametrize("angle", [20.0, 75.0, 140.0])
def test_each_source_starts_where_it_is_heard(array: str, angle: float) -> None:
    """A source from a direction takes turns with diffuse noise: its field is found, and the noise's is diffuse."""
    place, frequencies = ARRAYS[array], np.linspace(0, 8000, 257)
    towards = [np.cos(np.radians(angle)), np.sin(np.radians(angle)), 0]
    direct = spatial.direct_diffuse(frequencies, place, towards)
    ambient = spatial.diffuse(frequencies, place)
    X, active = turns(np.stack([direct, ambient.astype(complex)]), 120)
    v = np.repeat(active[:, None], 257, axis=1) + 1e-3
    found = Start(X, ("voice", "noise"), frequencies=frequencies, microphones=place)(v)
    assert np.allclose(found[1], ambient)
    # Low frequencies agree whatever the direction, so that the mean tells a wrong one clearly.
    assert np.abs(found[0] - direct).mean() < 0.12
    assert np.abs(found[0] - ambient).mean() > 0.2


@pytest.mark.parametrize("count", [2, 3])
def test_clusters_find_who_speaks_when_without_geometry(count: int) -> None:
    R = fields((1, 0), (-1, 1), (0, -1))[:count]
    X, active = turns(R, 200, seed=count)
    weights = spatial.clustered(X, count)
    np.testing.assert_array_equal(weights.sum(0), 1)
    agreement = active @ weights[:, 6:].mean(1).T / active.sum(1, keepdims=True)  # (true, found)
    assert sorted(agreement.argmax(1)) == list(range(count))
    assert agreement.max(1).min() > 0.75


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("frames", [1, 2, 50])
def test_clusters_of_nothing_and_of_one_direction(frames: int) -> None:
    for X in (np.zeros((3, 4, frames), complex), np.ones((3, 4, frames), complex)):
        weights = spatial.clustered(X, 2)
        assert weights.shape == (2, 4, frames)
        assert np.isfinite(spatial.from_weights(X, weights)).all()


def test_the_choice_is_made_by_what_is_known_and_said() -> None:
    R = fields((1, 0), (-1, 1))
    X, active = turns(R, 400)
    v = np.repeat(active[:, None], len(FREQUENCIES), axis=1) + 1e-3
    here = {"frequencies": FREQUENCIES, "microphones": TRIANGLE}
    cases = {
        "heard at": Start(X, ("a", "b"), **here),
        "the direction given, -90° azimuth": Start(X, ("a", "b"), directions={"a": [0, -1, 0], "b": [0, -1]}, **here),
        "diffuse field": Start(X, ("noise", "background"), **here),
        "its direct path": Start(X, ("a", "b")),
        "as it is heard": Start(X, ("noise", "background")),
        "where its spectra dominate": Start(X, ("a", "b"), kind="weights"),
        "a cluster": Start(X, ("a", "b"), kind="clusters"),
    }
    for words, start in cases.items():
        found = start(v)
        assert found.shape == R.shape
        assert all(how.startswith(words) for how in start.how.values()), start.how
    assert error(cases["heard at"](v), R) < 0.4
    np.testing.assert_allclose(
        cases["the direction given, -90° azimuth"](v)[0],
        spatial.direct_diffuse(FREQUENCIES, TRIANGLE, [0, -1, 0]),
    )
    blind = Start(X, ("a", "b"), **here)
    blind(v, told_apart=False)
    assert set(blind.how.values()) == {"a cluster of the mixture"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "guess"}, r"^kind='guess'"),
        ({"directions": {"a": [1, 0]}}, r"^directions need microphones"),
        ({"kind": "directions"}, r"^directions need microphones"),
        ({"microphones": TRIANGLE, "frequencies": FREQUENCIES, "directions": {"c": [1, 0]}}, r"^directions names 'c'"),
        ({"microphones": TRIANGLE}, r"^microphones \(3\) must be as many"),
        ({"microphones": TRIANGLE[:2], "frequencies": FREQUENCIES}, r"^microphones \(2\) must be as many"),
    ],
)
def test_bad_arguments_are_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Start(np.ones((3, 33, 5), complex), ("a", "b"), **options)  # type: ignore[arg-type]


def test_bad_weights_and_counts_are_named() -> None:
    X = np.ones((2, 3, 4), complex)
    for bad in (np.ones((3, 4)), np.ones((2, 3, 5)), -np.ones((2, 3, 4)), np.full((2, 3, 4), np.nan)):
        with pytest.raises(ValueError, match=r"^weights must be finite"):
            spatial.from_weights(X, bad)
    with pytest.raises(ValueError, match=r"^images must be"):
        spatial.from_images(X)
    with pytest.raises(ValueError, match=r"^n_sources=0"):
        spatial.clustered(X, 0)
    with pytest.raises(ValueError, match=r"^X has one channel"):
        spatial.clustered(X[:1], 2)
    with pytest.raises(ValueError, match=r"^v has shape"):
        Start(X, ("a",))(np.ones((2, 3, 4)))
