"""Runs the CUDA kernels without a GPU: the same sources, compiled for the processor, threads as fibers.

Slow, and meant for tests: every barrier, shuffle, asynchronous copy and tensor-core product really takes place, in an
order that finds out what relies on luck. See emulation.hpp.
"""

import ctypes
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from nmfcore.cuda import KERNEL, emulated_arrays, signature, source

# These may differ from launch to launch of one compiled kernel: on the device they are constants, here variables.
VARIABLES = ("KIND", "TERMS", "WIDE")
BUSY = threading.Lock()  # one kernel at a time
_C_TYPES = {"i64": ctypes.c_longlong, "int": ctypes.c_int, "float": ctypes.c_float, "double": ctypes.c_double}


class EmulatedLauncher:
    """What :class:`nmfcore.backends.cuda.CupyLauncher` does, on the processor."""

    xp: Any = emulated_arrays
    fill = 1  # blocks that fill the device: no problem is divided only for that
    shared_limit = 227 * 1024  # bytes a block may have, as on compute capability 9.0

    def kernel(self, file: str, name: str, constants: Mapping[str, Any]) -> Callable[..., None]:
        """A function (blocks, threads, bytes of shared memory, *arguments) that runs one kernel."""
        variables = tuple((key, constants[key]) for key in VARIABLES if key in constants)
        fixed = tuple(sorted((key, str(value)) for key, value in constants.items() if key not in VARIABLES))
        library = _compiled(file, fixed)
        run = library[f"emulated_{name}"]
        types = signature(file, name)

        def launch(blocks: int, threads: int, shared: int, *arguments: Any) -> None:
            assert blocks > 0, "a GPU launches no empty grid"
            assert threads <= 1024, "more threads than a block may have"
            assert shared <= self.shared_limit, "more shared memory than a block may have"
            given = [_argument(value, kind) for value, kind in zip(arguments, types, strict=True)]
            with BUSY:
                for key, value in variables:
                    set_variable = library[f"emulated_set_{key}"]
                    set_variable(value if isinstance(value, int) else _divergence(value))
                run(int(blocks), int(threads), int(shared), *given)

        return launch

    def repeat(self, key: Any, work: Callable[[], None], used: Any) -> None:
        """Run launches that will come again."""
        work()


def _argument(value: Any, kind: str) -> Any:
    if "*" in kind:
        if value is None:
            return ctypes.c_void_p()
        assert value.flags.c_contiguous
        return ctypes.c_void_p(value.data.ptr)
    return _C_TYPES[kind](value)


def _divergence(name: str) -> int:
    names = re.search(r"enum Divergence \{([^}]*)\}", source("simt.cu", "emulation.hpp"))
    assert names is not None
    return [one.strip() for one in names[1].split(",")].index(name)


@cache
def _compiled(file: str, constants: tuple[tuple[str, str], ...]) -> ctypes.CDLL:
    text = source(file, "emulation.hpp")
    real = dict(constants).get("REAL", "float")
    floats = file != "spatial.cu" and real == "float"
    head = [f"#define FLUSHES {int(floats)}", *(f"#define {key} {value}" for key, value in constants)]
    tail = []
    for key in VARIABLES:
        head.append(f"static int {key};\n#define {key} {key}")
        tail.append(f'extern "C" void emulated_set_{key}(int value) {{ {key} = value; }}')
    for found in KERNEL.finditer(text):
        name, parameters = found[1], " ".join(found[2].split())
        names = ", ".join(part.split()[-1].lstrip("*") for part in parameters.split(","))
        tail.append(
            f'extern "C" void emulated_{name}(int blocks, int threads, int shared, {parameters}) '
            f"{{ emulated::run(blocks, threads, shared, [=] {{ {name}({names}); }}); }}"
        )
    program = "\n".join([*head, text, *tail])
    compiler = os.environ.get("CXX") or shutil.which("g++") or shutil.which("c++")
    if compiler is None:
        raise RuntimeError("Running the CUDA kernels without a GPU needs a C++ compiler (Debian: g++).")
    command = [
        compiler,
        "-std=c++17",
        "-O1",
        "-w",
        "-U_FORTIFY_SOURCE",
        "-shared",
        "-fPIC",
        "-Wl,-Bsymbolic",
        "-x",
        "c++",
        "-",
    ]
    digest = hashlib.sha256("\0".join([program, *command]).encode()).hexdigest()[:24]
    folder = Path(tempfile.gettempdir()) / f"nmfcore-emulated-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    library = folder / f"{digest}.so"
    if not library.exists():
        partial = folder / f"{digest}.{os.getpid()}"
        done = subprocess.run(
            [*command, "-o", str(partial)], input=program, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{file} does not compile for the emulation:\n{done.stderr[:4000]}")
        partial.replace(library)
    return ctypes.CDLL(str(library))
