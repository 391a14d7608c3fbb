"""How much memory a job may use."""

import contextlib
import os
from pathlib import Path

_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_UNKNOWN = 4 * 2**30


def machine_bytes() -> int:
    """Memory of this machine, or of the container it is, in bytes; 4 GiB where neither is told.

    >>> machine_bytes() > 0
    True
    """
    found = []
    with contextlib.suppress(AttributeError, OSError, ValueError):  # Windows has no sysconf
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for limit in _LIMITS:
        try:
            found.append(int(Path(limit).read_text()))
        except (OSError, ValueError):  # no such file, or "max"
            continue
    return min((size for size in found if size > 0), default=_UNKNOWN)


def allowed(gigabytes: float | None) -> float:
    """Bytes that a job may use: what it was given, or half of the machine's.

    >>> allowed(1.5)
    1500000000.0
    """
    return machine_bytes() / 2 if gigabytes is None else 1e9 * gigabytes


def text(size: float) -> str:
    """A size in bytes for people.

    >>> text(3.25e9)
    '3.2 GB'
    >>> text(61e6)
    '61 MB'
    """
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
