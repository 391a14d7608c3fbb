"""Which backend is used, and what is said about it."""

import warnings

import pytest

import nmfcore
from nmfcore import backends


def test_every_backend_that_is_listed_works(backend: str) -> None:
    engine = backends.get(backend)
    assert engine.name == backend
    for primitive in (
        "split_gradient",
        "scale",
        "update",
        "divergence",
        "spatial_step",
        "spatial_gradient",
        "wiener",
    ):
        assert callable(getattr(engine, primitive))


def test_the_reference_is_always_there_and_last() -> None:
    assert backends.available()[-1] == "reference"
    assert backends.get("auto").name == backends.available()[0]


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^backend='fortran' is not available here; found: \["):
        backends.get("fortran")
    with pytest.raises(ValueError, match=r"^device='cuda' is not available"):
        backends.get("auto", "cuda")


def test_a_backend_that_is_missing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "_for_cpu", lambda: ["reference"])
    with pytest.raises(ValueError, match=r"^backend='native' is not available here"):
        backends.get("native")


def test_a_slower_backend_is_announced_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "_for_cpu", lambda: ["reference"])
    monkeypatch.setattr(backends, "_warned", False)
    with pytest.warns(RuntimeWarning, match="without its compiled kernels, so 'reference' is used"):
        assert backends.get().name == "reference"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert backends.get().name == "reference"


def test_info_tells_what_was_found() -> None:
    found = nmfcore.info()
    assert found["backends"] == backends.available()
    assert found["nmfcore"] == nmfcore.__version__
    assert found["threads"] >= 1
    assert bool(found["instruction_sets"]) == ("native" in found["backends"])
