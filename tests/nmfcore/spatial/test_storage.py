"""Models as files."""

import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nmfcore import spatial


def fitted(dtype: type, n_iter: int = 3, **options: Any) -> spatial.LocalGaussianModel:
    rng = np.random.default_rng(0)
    X = (rng.standard_normal((2, 5, 40, 2)) @ [1, 1j]).astype(dtype)
    return spatial.fit(
        X, variance_model="joint", sources=("a", "b"), n_components=2, n_iter=n_iter, n_inner=1, seed=0, **options
    )


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_a_model_comes_back_bit_for_bit_and_goes_on(dtype: type, tmp_path: Path) -> None:
    model = fitted(dtype)
    spatial.save(model, tmp_path / "m.safetensors", recording="mix.wav", frame=8)
    again, notes = spatial.load(tmp_path / "m.safetensors")
    for name in ("v", "R", "W", "H", "gain"):
        np.testing.assert_array_equal(getattr(again, name), getattr(model, name))
    assert (again.sources, again.log_likelihood, again.level, again.start) == (
        model.sources, model.log_likelihood, model.level, dict(model.start),
    )  # fmt: skip
    assert notes == {"recording": "mix.wav", "frame": 8}
    np.testing.assert_array_equal(fitted(dtype, resume=again).v, fitted(dtype, resume=model).v)


def test_a_model_without_patterns(tmp_path: Path) -> None:
    model = spatial.LocalGaussianModel(np.ones((1, 2, 3)), np.ones((1, 2, 1, 1), complex), ("a",), ())
    spatial.save(model, tmp_path / "m.safetensors")
    again, notes = spatial.load(tmp_path / "m.safetensors")
    assert (again.W, again.H, notes) == (None, None, {})


def test_what_is_no_model_is_named(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    (tmp_path / "text").write_text("no tensors")
    save_file({"v": np.ones(3)}, str(tmp_path / "other"), {"model": '{"format": "another/1"}'})
    save_file({"v": np.ones(3)}, str(tmp_path / "bare"))
    for name in ("text", "other", "bare"):
        with pytest.raises(ValueError, match=r"is no model of nmfcore.spatial/1"):
            spatial.load(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        spatial.load(tmp_path / "missing")


def test_without_safetensors_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.startswith("safetensors"):
            raise ModuleNotFoundError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"install nmfcore\[audio\]"):
        spatial.load(tmp_path / "m")
