"""How much memory there is."""

import os
from pathlib import Path

import pytest

from avfront import memory


@pytest.mark.skipif(not hasattr(os, "sysconf"), reason="no sysconf")
def test_no_more_than_the_machine_has():
    assert 0 < memory.machine_bytes() <= os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize(("content", "expected"), [("max\n", None), ("100000000\n", 100_000_000)])
def test_a_container_may_have_less(monkeypatch, tmp_path: Path, content, expected):
    whole = memory.machine_bytes()
    (tmp_path / "limit").write_text(content)
    monkeypatch.setattr(memory, "_LIMITS", (str(tmp_path / "limit"), str(tmp_path / "none")))
    assert memory.machine_bytes() == (expected or pytest.approx(whole, rel=10))
