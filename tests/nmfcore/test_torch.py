"""torch tensors in, torch tensors out, without copies."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import nmfcore
from nmfcore.arrays import any_kind, unwrap, wrap

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "complex64", "bool"])
def test_a_tensor_shares_its_memory_both_ways(dtype: str) -> None:
    tensor = torch.ones((3, 4), dtype=getattr(torch, dtype))
    array, kind = unwrap(tensor)
    assert array.dtype == dtype
    array[1, 2] = 0
    assert tensor[1, 2] == 0
    back = wrap(array, kind)
    assert isinstance(back, torch.Tensor)
    assert back.data_ptr() == tensor.data_ptr()


def test_strided_and_tracked_tensors() -> None:
    tensor = torch.arange(12.0, requires_grad=True).reshape(3, 4).T[::2]
    array, _ = unwrap(tensor)
    np.testing.assert_array_equal(array, tensor.detach().numpy())
    conjugate = torch.tensor([1 + 2j]).conj()
    np.testing.assert_array_equal(unwrap(conjugate)[0], [1 - 2j])


def test_a_tensor_that_numpy_cannot_hold() -> None:
    with pytest.raises(ValueError, match=r"bfloat16 .* \.float\(\)"):
        unwrap(torch.ones(2, dtype=torch.bfloat16))
    with pytest.raises(ValueError, match=r"dtype float32 and layout torch.sparse_coo .* \.to_dense\(\)"):
        unwrap(torch.ones(2, 2).to_sparse())
    with pytest.raises(ValueError, match=r"device 'meta' .* \.cpu\(\)"):
        unwrap(torch.ones(2, device="meta"))


@dataclass(frozen=True)
class Pair:
    number: float
    array: Any


def test_arrays_deep_inside_are_found() -> None:
    @any_kind
    def twice(pair: Pair, *, more: dict[str, list[Any]]) -> tuple[Pair, list[Any]]:
        assert isinstance(pair.array, np.ndarray)
        assert all(isinstance(one, np.ndarray) for one in more["a"])
        return Pair(2 * pair.number, 2 * pair.array), [2 * one for one in more["a"]]

    pair, more = twice(Pair(1.5, torch.ones(2)), more={"a": [torch.ones(3), np.ones(1)]})
    assert pair.number == 3.0
    assert isinstance(pair.array, torch.Tensor)
    assert all(isinstance(one, torch.Tensor) for one in more)
    same, _ = twice(Pair(1.5, np.ones(2)), more={"a": []})
    assert isinstance(same.array, np.ndarray)


def test_the_first_array_decides() -> None:
    fit = nmfcore.nmf(np.ones((3, 4)), W=torch.ones((3, 2)), n_iter=2, seed=0)
    assert isinstance(fit.W, np.ndarray)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_factorizing_tensors(dtype: Any, backend: str) -> None:
    V = torch.rand((2, 7, 9), generator=torch.Generator().manual_seed(0), dtype=dtype)
    fit = nmfcore.nmf(V, 2, n_iter=3, seed=0, weights=torch.ones_like(V), backend=backend)
    plain = nmfcore.nmf(V.numpy(), 2, n_iter=3, seed=0, weights=np.ones(V.shape), backend=backend)
    assert isinstance(fit.H, torch.Tensor)
    np.testing.assert_array_equal(fit.W.numpy(), plain.W)
    many = nmfcore.nmf([V[0], V[1, :, :4]], 2, n_iter=3, seed=0, backend=backend)
    assert [type(w) for w in many.W] == [torch.Tensor] * 2
    assert isinstance(many.objective[0], float)


def test_every_public_function_takes_tensors() -> None:
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.standard_normal((2, 4000)))
    X = nmfcore.stft(x, 256)
    assert isinstance(X, torch.Tensor)
    again = nmfcore.istft(X, 256, length=4000)
    assert torch.allclose(again, x, atol=1e-6)
    power = X.abs()[0] ** 2
    parts = nmfcore.masks.wiener(X, torch.stack([power, power]))
    assert torch.allclose(parts.sum(0), X)
    assert isinstance(nmfcore.metrics.sdr(x, again), torch.Tensor)
    model = nmfcore.models.learn_dictionary({"a": [power], "b": [power]}, 2, n_iter=2, seed=0)
    assert isinstance(model.W, torch.Tensor)
    assert isinstance(nmfcore.models.gssm_separate(power, model, n_iter=2, seed=0).parts["a"], torch.Tensor)
    R = np.stack([np.tile(np.eye(2) + c, (X.shape[1], 1, 1)) for c in (0.0, 0.5)])
    fit = nmfcore.spatial.fit(X, sources=("a", "b"), R=R, variance_model="nmf", n_components=2, n_iter=2, seed=0)
    assert isinstance(fit.R, torch.Tensor)
    images = nmfcore.spatial.wiener(X, fit.v, fit.R)
    assert torch.allclose(images.sum(0), X, atol=1e-5)
