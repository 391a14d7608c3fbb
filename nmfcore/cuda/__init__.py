"""The CUDA sources, compiled at run time by the CUDA backend, and by a C++ compiler for tests without a GPU."""

import re
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
KERNEL = re.compile(r'extern "C" __global__ void (?:__launch_bounds__\([^)]*\)\s*)?(\w+)\(([^)]*)\)')
_INCLUDE = re.compile(r'^#include "([\w.]+)"$', re.MULTILINE)


@cache
def source(name: str, device: str = "device.cuh") -> str:
    """One kernel file with its headers written out: compilers that cache by text then see every change.

    `device` is the header that stands for the device: the real one, or the emulated one.

    >>> '#include "' in source("simt.cu")
    False
    """
    seen = set()

    def text(file: str) -> str:
        if file in seen:
            return ""
        seen.add(file)
        here = device if file == "device.cuh" else file
        return _INCLUDE.sub(lambda found: text(found[1]), (FOLDER / here).read_text(encoding="utf-8"))

    return text(name).replace("#pragma once\n", "")


@cache
def signature(file: str, name: str) -> tuple[str, ...]:
    """The types of a kernel's parameters: ``"*"`` for a pointer, else the type's name.

    >>> signature("finish.cu", "total")
    ('int', '*', '*', '*')
    """
    text = next(found[2] for found in KERNEL.finditer(source(file)) if found[1] == name)
    parts = [" ".join(part.split()) for part in text.split(",")]
    return tuple("*" if "*" in part else part.split()[-2] for part in parts)
