"""The examples in the docstrings run as written."""

import doctest
import importlib
import inspect
import io
import pkgutil

import pytest

import avfront
import nmfcore

# Imported only where its package is installed.
NEEDS = {
    "nmfcore.backends.jit": "numba",
    "nmfcore.backends.native": "nmfcore._native",
    **{f"nmfcore.estimators{module}": "sklearn" for module in ("", ".base", ".full", ".minibatch")},
}


class Finder(doctest.DocTestFinder):
    """Also finds the examples of decorated functions, whose globals are the decorator's."""

    def _from_module(self, module: object, object: object) -> bool:
        return super()._from_module(module, inspect.unwrap(object) if callable(object) else object)  # type: ignore[misc, arg-type]


def names() -> list[str]:
    found = ["nmfcore", "avfront"]
    for package in (nmfcore, avfront):
        walked = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        found += [m.name for m in walked if not m.name.endswith(("__main__", "._native"))]
    return sorted(found)


@pytest.mark.parametrize("name", names())
def test_examples(name: str) -> None:
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    module = importlib.import_module(name)
    output = io.StringIO()
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    for example in Finder(exclude_empty=True).find(module, name):
        runner.run(example, out=output.write)
    assert runner.failures == 0, output.getvalue()
