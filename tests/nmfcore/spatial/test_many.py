"""Many recordings, and successive blocks of one."""

import numpy as np

from nmfcore import spatial

OPTIONS = {"variance_model": "joint", "sources": ("a", "b"), "n_components": 2, "n_inner": 1, "seed": 0}


def mixtures(*lengths: int) -> list[np.ndarray]:
    """Two sources of fixed phases and patterns."""
    rng = np.random.default_rng(0)
    phase = np.exp(2j * np.pi * rng.random((2, 2, 6, 1)))
    W = rng.dirichlet(np.full(6, 0.3), (2, 2))
    made = []
    for length in lengths:
        power = np.stack([w.T @ rng.gamma(0.2, size=(2, length)) for w in W])
        sound = np.sqrt(power) * (rng.standard_normal((2, 6, length, 2)) @ [1, 1j])
        made.append((phase * sound[:, None]).sum(0) + 1e-3 * (rng.standard_normal((2, 6, length, 2)) @ [1, 1j]))
    return made


def test_each_is_what_it_would_be_alone() -> None:
    given = mixtures(30, 50, 30)
    together = list(spatial.fit_many(iter(given), n_iter=5, **OPTIONS))
    for X, model in zip(given, together, strict=True):
        np.testing.assert_array_equal(model.v, spatial.fit(X, n_iter=5, **OPTIONS).v)


def test_blocks_keep_the_order_of_the_sources() -> None:
    """Blind fits of blocks alone come in any order; those that follow one another stay as they are."""
    first, *rest = spatial.fit_many(mixtures(200, 60, 60, 60), follow=True, prior=100.0, n_iter=40, **OPTIONS)
    for model in rest:
        same, swapped = (np.linalg.norm(model.R[order] - first.R) for order in ([0, 1], [1, 0]))
        assert same < 0.5 * swapped
    assert rest[-1].start == {"a": "an earlier fit", "b": "an earlier fit"}


def test_models_come_one_by_one() -> None:
    def read() -> object:
        yield mixtures(20)[0]
        raise AssertionError("read ahead")

    stream = spatial.fit_many(read(), n_iter=1, **OPTIONS)  # type: ignore[arg-type]
    assert next(stream).v.shape == (2, 6, 20)
