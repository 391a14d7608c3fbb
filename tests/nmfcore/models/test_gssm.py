"""Separation of one spectrogram by trained patterns."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nmfcore import nmf
from nmfcore.models import Dictionary, gssm_separate, learn_dictionary
from nmfcore.penalties import GroupSparsity

Array = NDArray[Any]


def scene(seed: int = 0, bins: int = 40, frames: int = 80) -> tuple[dict[str, list[Array]], dict[str, Array]]:
    """Two examples of each of two kinds of source, and two fresh sources of those kinds."""
    rng = np.random.default_rng(seed)
    patterns = {name: rng.gamma(0.2, size=(bins, 4)) + 1e-3 for name in ("a", "b")}

    def play(name: str) -> Array:
        return np.asarray(patterns[name] @ rng.gamma(0.3, size=(4, frames)))

    return {name: [play(name), play(name)] for name in patterns}, {name: play(name) for name in patterns}


def share_error(parts: Any, sources: dict[str, Array]) -> float:
    """Power wrongly assigned, relative to all power."""
    total = sum(sources.values())
    modelled = sum(parts[name] for name in parts)
    return float(sum(np.abs(parts[n] / modelled * total - v).sum() for n, v in sources.items()) / np.sum(total) / 2)


@pytest.mark.parametrize("gamma", [0.0, 1.0, "1/G"])
@pytest.mark.parametrize("kind", ["block", "component", "mixed"])
def test_supervised(kind: str, gamma: float | str, backend: str) -> None:
    examples, sources = scene()
    model = learn_dictionary(examples, 4, n_iter=150, seed=0, backend=backend)
    fit = gssm_separate(sources["a"] + sources["b"], model, kind=kind, gamma=gamma, n_iter=100, seed=0, backend=backend)
    assert set(fit.parts) == {"a", "b"}
    np.testing.assert_array_equal(fit.W, model.W)
    assert share_error(fit.parts, sources) < 0.05


def test_semi_supervised(backend: str) -> None:
    """Only one source has examples; the background takes the other."""
    examples, sources = scene()
    model = learn_dictionary({"a": examples["a"]}, 4, n_iter=150, seed=0, backend=backend)
    fit = gssm_separate(sources["a"] + sources["b"], model, background=4, n_iter=300, seed=0, backend=backend)
    assert list(fit.parts) == ["a", "background"]
    assert fit.W.shape[1] == model.W.shape[1] + 4
    np.testing.assert_array_equal(fit.W[:, :8], model.W)
    np.testing.assert_allclose(fit.W[:, 8:].sum(0), 1, rtol=1e-9)
    parts = {"a": fit.parts["a"], "b": fit.parts["background"]}
    assert share_error(parts, sources) < 0.25
    shuffled = {"a": fit.parts["background"], "b": fit.parts["a"]}
    assert share_error(shuffled, sources) > 0.5


@pytest.mark.parametrize("background", [0, 2])
@pytest.mark.parametrize("lengths", [(30, 30, 30), (30, 45, 12)])
def test_many_at_once(backend: str, lengths: tuple[int, ...], background: int) -> None:
    """Each is what it would be alone from the same start: a penalty weighs by the size of its own spectrogram."""
    examples, sources = scene()
    model = learn_dictionary(examples, 3, n_iter=20, seed=0, backend=backend)
    given = [sources["a"][:, :n] + (1 + b) * sources["b"][:, -n:] for b, n in enumerate(lengths)]
    many: Any = np.stack(given) if len(set(lengths)) == 1 else given
    options = {"gamma": "1/G", "kind": "mixed", "lam": 1e-3, "n_iter": 8, "backend": backend, "background": background}
    fit = gssm_separate(many, model, seed=4, **options)
    assert len(fit.parts["a"]) == len(fit.W) == len(fit.objective) == 3
    rng = np.random.default_rng(4)
    rng.uniform(size=(40, background))
    for b, V in enumerate(given):
        W = np.hstack([model.W, np.random.default_rng(4).uniform(0.5, 1.5, (40, background)) / 40])
        H = V.mean() * 40 / W.shape[1] * rng.uniform(0.5, 1.5, (W.shape[1], V.shape[1]))
        sparse = GroupSparsity(model.groups, [1e-3 * V.size * 2] * 2, "1/G", "mixed")
        free = slice(model.W.shape[1], None)
        alone = nmf(
            V, beta=0, W=W, H=H, free_w=free, penalties=[sparse], normalize=background > 0, n_iter=8, backend=backend
        )
        np.testing.assert_allclose(fit.H[b], alone.H, rtol=1e-9)
        np.testing.assert_allclose(fit.parts["b"][b], alone.W[:, 6:12] @ alone.H[6:12], rtol=1e-9)
        assert fit.objective[b] == pytest.approx(alone.objective)


def test_the_default_stays_at_the_level_of_the_mixture_with_many_examples() -> None:
    rng = np.random.default_rng(0)
    examples = {name: [rng.gamma(0.2, size=(20, 30)) + 1e-3 for _ in range(20)] for name in "ab"}
    model = learn_dictionary(examples, 4, n_iter=20, seed=0)
    V = rng.gamma(0.2, size=(20, 400)) + 1e-3
    for kind in ("block", "component"):
        parts = gssm_separate(V, model, kind=kind, n_iter=300, seed=0).parts
        assert sum(parts.values()).max() < 10 * V.max()
    runaway = gssm_separate(V, model, gamma=1.0, n_iter=300, seed=0).parts  # as its documentation says
    assert sum(runaway.values()).max() > 1e3 * V.max()


def test_parts_are_the_model(backend: str) -> None:
    examples, sources = scene()
    model = learn_dictionary(examples, 3, n_iter=20, seed=0, backend=backend)
    fit = gssm_separate(sources["a"], model, background=2, n_iter=10, seed=0, backend=backend)
    np.testing.assert_allclose(sum(fit.parts.values()), fit.W @ fit.H, rtol=1e-9)
    assert fit.n_iter == 10


@pytest.mark.parametrize("level", [1e-20, 1e-10, 1e10])
def test_the_level_of_the_mixture_does_not_matter(level: float, backend: str) -> None:
    """The sparsity is of logarithms, the divergence of ratios."""
    examples, sources = scene()
    model = learn_dictionary(examples, 3, n_iter=50, seed=0, backend=backend)
    V = sources["a"] + sources["b"]
    want = gssm_separate(V, model, n_iter=30, seed=0, backend=backend)
    for dtype in (np.float32, np.float64):
        single = Dictionary(model.W.astype(dtype), model.sources, model.blocks)
        fit = gssm_separate((level * V).astype(dtype), single, n_iter=30, seed=0, backend=backend)
        for name, part in want.parts.items():
            np.testing.assert_allclose(fit.parts[name] / level, part, rtol=0.02, atol=2e-3 * float(part.mean()))


def test_silence_and_digital_zeros(backend: str) -> None:
    examples, sources = scene()
    model = learn_dictionary(examples, 3, n_iter=20, seed=0, backend=backend)
    V = sources["a"].astype(np.float32)
    V[:, 20:40] = 0
    V[3] = 0
    for background in (0, 2):
        fit = gssm_separate(V, model, background=background, n_iter=60, seed=0, backend=backend)
        for part in fit.parts.values():
            assert np.isfinite(part).all()
            assert part.min() >= 0
        assert sum(fit.parts.values())[:, 20:40].max() < 1e-6 * V.max()
        silent = gssm_separate(np.zeros_like(V), model, background=background, n_iter=5, seed=0, backend=backend)
        assert all(np.isfinite(part).all() for part in silent.parts.values())


def test_the_seed_decides_and_inputs_are_not_changed(backend: str) -> None:
    examples, sources = scene()
    model = learn_dictionary(examples, 3, n_iter=20, seed=0, backend=backend)
    V = sources["a"] + sources["b"]
    V.flags.writeable = model.W.flags.writeable = False
    one, other = (gssm_separate(V, model, background=2, n_iter=10, seed=4, backend=backend) for _ in range(2))
    np.testing.assert_array_equal(one.H, other.H)
    assert (one.H != gssm_separate(V, model, background=2, n_iter=10, seed=5, backend=backend).H).any()


def test_the_callback_stops(backend: str) -> None:
    examples, sources = scene()
    model = learn_dictionary(examples, 3, n_iter=5, seed=0, backend=backend)
    fit = gssm_separate(sources["a"], model, n_iter=50, seed=0, backend=backend, callback=lambda i, _: i >= 20)
    assert fit.n_iter == 20


def test_bad_arguments() -> None:
    examples, sources = scene()
    model = learn_dictionary(examples, 2, n_iter=2, seed=0)
    with pytest.raises(ValueError, match=r"^V has shape \(39, 80\), but the dictionary's patterns have 40 bins"):
        gssm_separate(sources["a"][1:], model)
    with pytest.raises(ValueError, match=r"^V must be a real matrix \(F, N\).*got shape \(40,\)"):
        gssm_separate(sources["a"][:, 0], model)
    with pytest.raises(ValueError, match=r"^background=-1"):
        gssm_separate(sources["a"], model, background=-1)
    with pytest.raises(ValueError, match=r"^kind='rows'"):
        gssm_separate(sources["a"], model, kind="rows")
    with pytest.raises(ValueError, match=r"^lam="):
        gssm_separate(sources["a"], model, lam=-1.0)
    with pytest.raises(ValueError, match=r"^V contains NaN"):
        gssm_separate(sources["a"] * np.nan, model)
