"""The border of the library: arrays of any kind come in, arrays of the same kind go out, on the same device.

NumPy and CuPy arrays are what the library computes with; torch tensors and whatever else speaks DLPack and the array
API standard (JAX, …) are looked at through the same memory, without a copy.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import numpy as np

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Kind:
    """What the caller's array was: the library that it is of, and its device there.

    Attributes:
        library: ``"numpy"``, ``"cupy"``, ``"torch"`` or ``"dlpack"`` for anything else.
        device: torch's device.
        namespace: the array API namespace of an array of another library.
    """

    library: str
    device: Any = None
    namespace: Any = None


def unwrap(value: Any) -> tuple[Any, Kind | None]:
    """The NumPy or CuPy array that shares the memory of `value`, and the kind to give back.

    What is no array at all (a number, a sparse matrix, a nested list) comes back as it is, with None.

    Raises:
        ValueError: a torch tensor of a type that NumPy lacks (bfloat16, sparse), or on a device other than CPU and
            CUDA; an array on another GPU than the current one; a NumPy array some of whose entries are masked.
        ImportError: data on a GPU, without CuPy.

    >>> unwrap(np.ones(2))
    (array([1., 1.]), Kind(library='numpy', device=None, namespace=None))
    >>> unwrap(3)
    (3, None)
    """
    if isinstance(value, np.ndarray):
        if np.ma.is_masked(value):
            raise ValueError(
                "a masked array cannot be used, since its mask would be lost; give its .data, and where entries are "
                "missing weights=~mask."
            )
        return value, Kind("numpy")
    torch = sys.modules.get("torch")  # a tensor cannot be without its library loaded
    if torch is not None and isinstance(value, torch.Tensor):
        kind = Kind("torch", value.device)
        value = value.detach().resolve_conj().resolve_neg()
        if value.dtype == torch.bfloat16:
            raise ValueError("a torch tensor of dtype bfloat16 cannot be used; convert it with .float() first.")
        if value.device.type == "cpu":
            try:
                return value.numpy(), kind
            except TypeError as error:
                raise ValueError(
                    f"a torch tensor of dtype {str(value.dtype)[6:]} and layout {value.layout} cannot be used; convert "
                    "it with .float(), .to_dense() or .dequantize() first."
                ) from error
        if value.device.type != "cuda":
            raise ValueError(
                f"a torch tensor on device {str(value.device)!r} cannot be used; move it with .cpu() first."
            )
        return _on_current_gpu(_cupy().from_dlpack(value)), kind
    cupy = sys.modules.get("cupy")
    if cupy is not None and isinstance(value, cupy.ndarray):
        return _on_current_gpu(value), Kind("cupy")
    if hasattr(value, "__dlpack__") and hasattr(value, "__array_namespace__"):
        kind = Kind("dlpack", namespace=value.__array_namespace__())
        on_cpu = int(value.__dlpack_device__()[0]) == 1
        return np.from_dlpack(value) if on_cpu else _on_current_gpu(_cupy().from_dlpack(value)), kind
    return value, None


def wrap(array: Any, kind: Kind | None) -> Any:
    """An array of ours as the caller's kind, on the caller's device, without a copy where it already lies there.

    >>> wrap(np.ones(2), Kind("numpy"))
    array([1., 1.])
    """
    ours = isinstance(array, np.ndarray)
    if kind is None or kind.library == "numpy":
        return array if ours else array.get()
    if kind.library == "cupy":
        return _cupy().asarray(array)
    if kind.library == "torch":
        torch: Any = sys.modules["torch"]
        tensor = torch.from_numpy(np.require(array, requirements="W")) if ours else torch.from_dlpack(array)
        return tensor.to(kind.device)
    return kind.namespace.from_dlpack(array)


def on_gpu(array: Any) -> bool:
    """Whether it is CuPy's, dense or sparse.

    >>> on_gpu(np.ones(2))
    False
    """
    return type(array).__module__.partition(".")[0] in ("cupy", "cupyx")


def host(array: Any) -> Any:
    """The array in the CPU's memory: CuPy's are copied there, all else is as it is.

    >>> host(np.ones(2))
    array([1., 1.])
    """
    return array.get() if on_gpu(array) else array


def any_kind(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function of NumPy arrays take arrays of any kind, and answer in the kind of its first array.

    Arrays inside lists, tuples, mappings and dataclasses count too.

    >>> @any_kind
    ... def double(x):
    ...     return 2 * x
    >>> double(np.ones(2))
    array([2., 2.])
    """

    @wraps(function)
    def over(*args: P.args, **kwargs: P.kwargs) -> R:
        kinds: list[Kind] = []
        entered = [_enter(value, kinds) for value in args]
        named = {name: _enter(value, kinds) for name, value in kwargs.items()}
        answer = function(*entered, **named)
        foreign = any(kind.library not in ("numpy", "cupy") for kind in kinds)
        return _leave(answer, kinds[0]) if foreign else answer

    return over


def _enter(value: Any, kinds: list[Kind]) -> Any:
    """`value` with every array in it unwrapped; the kinds that were met are added to `kinds`."""
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        entered = [_enter(one, kinds) for one in value]
        same = all(new is old for new, old in zip(entered, value, strict=True))
        return value if same else type(value)(entered)
    if isinstance(value, Mapping) and not hasattr(value, "tocsc"):  # SciPy's dictionary of keys is a matrix
        return {key: _enter(one, kinds) for key, one in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return _inside(value, lambda one: _enter(one, kinds))
    array, kind = unwrap(value)
    if kind is not None:
        kinds.append(kind)
    return array


def _leave(value: Any, kind: Kind) -> Any:
    """`value` with every numeric array in it as the caller's kind."""
    if isinstance(value, (list, tuple)):
        return type(value)([_leave(one, kind) for one in value])
    if isinstance(value, Mapping):
        return {key: _leave(one, kind) for key, one in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return _inside(value, lambda one: _leave(one, kind))
    if hasattr(value, "dtype") and hasattr(value, "ndim") and value.ndim and value.dtype.kind in "biufc":
        return wrap(value, kind)
    return value


def _inside(value: Any, change: Callable[[Any], Any]) -> Any:
    """A dataclass with `change` done to its fields; the same object where nothing changed."""
    old = {field.name: getattr(value, field.name) for field in fields(value) if field.init}
    new = {name: change(one) for name, one in old.items()}
    return replace(value, **new) if any(new[name] is not old[name] for name in old) else value


def _on_current_gpu(array: Any) -> Any:
    """The array, which kernels can read only where they run."""
    current = _cupy().cuda.Device().id
    if array.device.id != current:
        raise ValueError(
            f"an array lies on GPU {array.device.id}, but the current one is GPU {current}; select it first, by "
            f"`with cupy.cuda.Device({array.device.id}):` or torch.cuda.set_device({array.device.id})."
        )
    return array


def _cupy() -> Any:
    try:
        import cupy
    except ImportError as error:
        raise ImportError("data on a GPU need CuPy; install it with: pip install 'nmfcore[cuda]'") from error
    return cupy
