"""What the CUDA backend needs of the device, and the GPU behind it, by CuPy."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Protocol

import numpy as np

from nmfcore.cuda import signature, source

KEPT = 32  # graphs that are kept for their next use


class Launcher(Protocol):
    """The device, as far as this backend needs it."""

    xp: Any
    fill: int  # blocks that keep the whole device busy
    shared_limit: int  # bytes of shared memory that a block may have

    def kernel(self, file: str, name: str, constants: Mapping[str, Any]) -> Callable[..., None]:
        """A function (blocks, threads, bytes of shared memory, *arguments) that launches one kernel."""

    def repeat(self, key: Any, work: Callable[[], None], used: Any) -> None:
        """Run launches that will come again with the same key, from the second time on as one graph.

        `used` is kept as long as the graph is: what the launches read beyond the arrays named by the key.
        """


class _Graphs(threading.local):
    """The graphs of a thread: they write to the workspaces of its plans."""

    def __init__(self) -> None:
        self.kept: OrderedDict[Any, Any] = OrderedDict()


class CupyLauncher:
    """The GPU, by CuPy: kernels compiled by NVRTC at first use, and kept on disk by CuPy."""

    def __init__(self) -> None:
        import cupy

        self.xp = cupy
        attributes = cupy.cuda.Device().attributes
        self.fill = 2 * int(attributes["MultiProcessorCount"])
        self.shared_limit = int(attributes["MaxSharedMemoryPerBlockOptin"])
        self._kernels: dict[Any, Callable[..., None]] = {}
        self._graphs = _Graphs()

    def kernel(self, file: str, name: str, constants: Mapping[str, Any]) -> Callable[..., None]:
        key = (file, name, *constants.items())
        if key not in self._kernels:
            self._kernels[key] = self._compiled(file, name, constants)
        return self._kernels[key]

    def _compiled(self, file: str, name: str, constants: Mapping[str, Any]) -> Callable[..., None]:
        function = module(file, constants).get_function(name)
        granted = 48 * 1024  # bytes of shared memory that need no asking
        types = [{"i64": np.int64, "int": np.int32, "double": np.float64}.get(one) for one in signature(file, name)]

        def launch(blocks: int, threads: int, shared: int, *arguments: Any) -> None:
            nonlocal granted
            given = []
            for value, kind in zip(arguments, types, strict=True):
                if kind is not None or value is None:
                    given.append((kind or np.intp)(value or 0))  # a null pointer is a 0 of its size
                elif value.flags.c_contiguous:
                    given.append(value)
                else:
                    raise ValueError(f"{name} takes C-contiguous arrays only.")
            if shared > granted:
                function.max_dynamic_shared_size_bytes = granted = shared
            function((blocks,), (threads,), tuple(given), shared_mem=shared)

        return launch

    def repeat(self, key: Any, work: Callable[[], None], used: Any) -> None:
        graphs = self._graphs.kept
        if key not in graphs:
            work()  # compiles what is missing and makes the plans: nothing of that may happen while recording
            graphs[key] = None
            while len(graphs) > KEPT:
                graphs.popitem(last=False)
            return
        graphs.move_to_end(key)
        if graphs[key] is None:
            stream = self.xp.cuda.Stream(non_blocking=True)
            with stream:
                stream.begin_capture()
                work()
                graphs[key] = (stream.end_capture(), used)
        graphs[key][0].launch()


def module(file: str, constants: Mapping[str, Any]) -> Any:
    """One of the kernel files as CuPy's module, which compiles at its first use, or comes from CuPy's cache on disk."""
    import cupy

    options = ("-std=c++17", *(f"-D{key}={value}" for key, value in constants.items()))
    return cupy.RawModule(code=source(file), options=options)


@cache
def present() -> bool:
    """Whether CuPy finds a GPU that the kernels run on: compute capability 8.0 or newer."""
    try:
        import cupy

        return cupy.cuda.runtime.getDeviceCount() > 0 and int(cupy.cuda.Device().compute_capability) >= 80
    except Exception:  # no CuPy; or, without a driver or with libraries missing, many kinds
        return False


def current_gpu() -> int:
    """The number of the GPU in use."""
    import cupy

    number: int = cupy.cuda.Device().id
    return number


def device_name() -> str | None:
    """The GPU in use; None where there is none."""
    if not present():
        return None
    import cupy

    name: str = cupy.cuda.runtime.getDeviceProperties(current_gpu())["name"].decode()
    return name
