"""Arrays that keep apart from NumPy's as CuPy's do, on the processor: for tests without a GPU.

A :class:`DeviceArray` refuses what CuPy refuses: to become a NumPy array unasked, or to be mixed with one. This module
stands for the module `cupy`: its functions are NumPy's, for device arrays.
"""

from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin


class OutOfMemoryError(MemoryError):
    """As CuPy's."""


class _Memory:
    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self.ptr = array.ctypes.data


class DeviceArray(NDArrayOperatorsMixin):
    """A NumPy array behind the interface that CuPy's arrays have."""

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self._array = array

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return dict(self._array.__array_interface__)

    @property
    def data(self) -> _Memory:
        """The memory, with its address as `ptr`."""
        return _Memory(self._array)

    @property
    def T(self) -> "DeviceArray":
        return DeviceArray(self._array.T)

    def get(self) -> np.ndarray[Any, Any]:
        """A copy in host memory."""
        return self._array.copy()

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError("Implicit conversion of a device array to a NumPy array is not allowed; use .get().")

    def __array_ufunc__(self, ufunc: Any, method: str, *given: Any, **options: Any) -> Any:
        if options.get("where", True) is not True:
            raise TypeError("where= is not taken by device arrays")
        return _call(getattr(ufunc, method), given, options)

    def __array_function__(self, function: Any, _: Any, given: Any, options: Any) -> Any:
        if function is np.asarray:  # with like=: from the host to the device
            return asarray(*given, **options)
        return _call(function, given, options)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = getattr(self._array, name)
        if not callable(found):
            return _wrapped(found)
        return lambda *given, **options: _call(found, given, options)

    def __getitem__(self, key: Any) -> Any:
        return _wrapped(self._array[_plain(key)])

    def __setitem__(self, key: Any, value: Any) -> None:
        self._array[_plain(key)] = _plain(value)

    def __len__(self) -> int:
        return len(self._array)

    def __float__(self) -> float:
        return float(self._array)

    def __int__(self) -> int:
        return int(self._array)

    def __bool__(self) -> bool:
        return bool(self._array)


def _plain(value: Any) -> Any:
    """The arguments that NumPy understands; a NumPy array among them is what CuPy would refuse."""
    if isinstance(value, DeviceArray):
        return value._array
    if isinstance(value, np.ndarray):
        raise TypeError("Unsupported type <class 'numpy.ndarray'> beside a device array")
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(one) for one in value)
    return value


def _wrapped(value: Any) -> Any:
    if isinstance(value, (np.ndarray, np.generic)):
        return DeviceArray(np.asarray(value))
    if isinstance(value, (list, tuple)) and any(isinstance(one, np.ndarray) for one in value):
        wrapped = [_wrapped(one) for one in value]
        return wrapped if isinstance(value, list) else tuple(wrapped)  # CuPy's results have no named fields
    return value


def _call(function: Any, given: Any, options: dict[str, Any]) -> Any:
    out = options.get("out")
    result = function(*_plain(tuple(given)), **{key: _plain(value) for key, value in options.items()})
    if out is not None:
        return out[0] if isinstance(out, tuple) else out
    return _wrapped(result)


def asarray(value: Any, dtype: Any = None, order: Any = None) -> DeviceArray:
    """To the device, from NumPy arrays too."""
    if isinstance(value, DeviceArray):
        return DeviceArray(np.asarray(value._array, dtype, order))
    return DeviceArray(np.array(value, dtype, order=order))


def __getattr__(name: str) -> Any:
    found = getattr(np, name)
    if name in ("linalg", "fft", "lib") or isinstance(found, type) or not callable(found):
        return found
    return lambda *given, **options: _call(found, given, options)
