"""Who imports whom: cli → jobs → stages → nmfcore's public names; models → solve → backends."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

# A module imports only what stands on a lower step, its own package, or a name listed in PEERS. "*" is every
# name that no step lists; those may import one another.
NMFCORE = (
    ("_native", "arrays", "cuda", "layout", "threads"),
    ("compressed", "divergence", "masks", "metrics", "transform"),
    ("backends",),
    ("acceleration", "init", "penalties"),
    ("minibatches", "options"),
    ("parts", "problems"),
    ("sides",),
    ("loop",),
    ("online", "solve"),
    ("estimators", "models", "spatial"),
    ("_info",),
    ("",),
    ("__main__",),
)
AVFRONT = (
    ("errors",),
    ("*",),
    ("enhancement", "localization", "motion_job", "separation"),
    ("demos",),
    ("cli",),
    ("",),
    ("__main__",),
)
PEERS = {("penalties", "init"), ("spatial", "models"), ("_info", "")}

# Beyond the standard library and NumPy, nmfcore's modules may import only this.
NMFCORE_THIRD_PARTY = {
    "nmfcore.arrays": {"cupy"},
    "nmfcore.backends.cuda_launcher": {"cupy", "cupyx"},
    "nmfcore.backends.jit": {"numba"},
    "nmfcore.backends.jit_factor": {"numba"},
    "nmfcore.estimators": {"sklearn"},
    "nmfcore.estimators.base": {"sklearn"},
    "nmfcore.estimators.full": {"sklearn"},
    "nmfcore.estimators.minibatch": {"sklearn"},
    "nmfcore.models.agreement": {"scipy"},
    "nmfcore.models.rank_selection": {"matplotlib"},
    "nmfcore.threads": {"threadpoolctl"},
    # Where they are used, inside functions.
    "nmfcore.compressed": {"cupyx"},
    "nmfcore.spatial.clustering": {"scipy"},
    "nmfcore.spatial.storage": {"safetensors"},
}

NMFCORE_PUBLIC = {
    "nmfcore",
    *(f"nmfcore.{m}" for m in ("masks", "metrics", "models", "penalties", "spatial")),
}


def folder(package: str) -> Path:
    spec = find_spec(package)
    assert spec is not None, f"{package} is not installed"
    assert spec.origin is not None, f"{package} has no __init__.py"
    return Path(spec.origin).parent


def modules(package: str) -> dict[str, Path]:
    """Dotted name -> file, for every module of an installed package."""
    top = folder(package)
    found = {}
    for path in sorted(top.rglob("*.py")):
        parts = [package, *path.relative_to(top).with_suffix("").parts]
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(module: str, path: Path) -> Iterator[str]:
    """Dotted names of everything the file imports, inside functions too; `from a import b` gives a.b."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} line {node.lineno}: write the import out in full, not relative"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def part(dotted: str) -> str:
    """The part of the package that a name belongs to: nmfcore.models.gssm -> models, nmfcore.nmf -> ''."""
    top, _, rest = dotted.partition(".")
    name = rest.partition(".")[0]
    home = folder(top)
    is_module = (home / name).is_dir() or (home / f"{name}.py").is_file() or name == "_native"
    return name if is_module else ""


def offences(package: str, steps: tuple[tuple[str, ...], ...]) -> list[str]:
    step = {name: height for height, names in enumerate(steps) for name in names}
    found = []
    for module, path in modules(package).items():
        own = part(module)
        if own not in step:
            assert "*" in step, f"{module} has no place in the order of {Path(__file__).name}: give it one"
            step[own] = step["*"]
        for target in imports(module, path):
            if target.partition(".")[0] != package:
                continue
            other = part(target)
            height = step.get(other, step.get("*", len(steps)))
            both_unlisted = height == step[own] == step.get("*")
            if other != own and height >= step[own] and not both_unlisted and (own, other) not in PEERS:
                found.append(f"{module} imports {target}")
    return found


@pytest.mark.parametrize(("package", "steps"), [("nmfcore", NMFCORE), ("avfront", AVFRONT)])
def test_imports_point_downwards(package: str, steps: tuple[tuple[str, ...], ...]) -> None:
    assert offences(package, steps) == []


def test_nmfcore_imports_numpy_and_nothing_else() -> None:
    foreign = []
    for module, path in modules("nmfcore").items():
        allowed = {"nmfcore", "numpy", *NMFCORE_THIRD_PARTY.get(module, ())}
        for target in imports(module, path):
            top = target.partition(".")[0]
            if top not in allowed and top not in sys.stdlib_module_names:
                foreign.append(f"{module} imports {target}")
    assert foreign == []


def test_avfront_uses_public_names_of_nmfcore_only() -> None:
    private = []
    for module, path in modules("avfront").items():
        for target in imports(module, path):
            # The name that is imported may be a public module itself, or one that it offers.
            home = target.rpartition(".")[0]
            if target.partition(".")[0] == "nmfcore" and not {target, home} & NMFCORE_PUBLIC:
                private.append(f"{module} imports {target}")
    assert private == []


def run(program: str) -> str:
    # -P, and a folder without packages, so that the sources of this tree do not hide the installed ones.
    done = subprocess.run(
        [sys.executable, "-P", "-W", "error", "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_import_nmfcore_loads_only_numpy() -> None:
    program = """
import sys
before = set(sys.modules)
import numpy
with_numpy = {name.partition(".")[0] for name in sys.modules}
import nmfcore
after = {name.partition(".")[0] for name in set(sys.modules) - before}
print(sorted(after - with_numpy - sys.stdlib_module_names - {"nmfcore"}))
"""
    assert run(program) == "[]"


BLOCKED = """
import importlib, pkgutil, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"cupy", "cupyx", "torch", "avfront"}:
            raise ModuleNotFoundError(f"{name} is blocked by this test", name=name)

sys.meta_path.insert(0, Blocked())
"""


def test_nmfcore_works_without_cupy_and_torch() -> None:
    program = f"""{BLOCKED}
import numpy as np
import nmfcore
for module in pkgutil.walk_packages(nmfcore.__path__, "nmfcore."):
    if module.name not in {set(NMFCORE_THIRD_PARTY)} and not module.name.endswith("__main__"):
        importlib.import_module(module.name)
V = np.random.default_rng(0).random((9, 7))
fit = nmfcore.nmf(V, 2, n_iter=5, seed=0, backend="reference")
print(fit.W.shape, fit.H.shape)
"""
    assert run(program) == "(9, 2) (2, 7)"


def test_without_scikit_learn_one_sentence_names_the_extra() -> None:
    program = f"""{BLOCKED.replace('"torch"', '"torch", "sklearn"')}
from nmfcore import *
import nmfcore
print(nmf([[1.0, 2.0]], 1, n_iter=1, seed=0).W.shape)
try:
    nmfcore.NMF
except ImportError as error:
    print(error)
"""
    shape, sentence = run(program).splitlines()
    assert shape == "(1, 1)"
    assert sentence.endswith("install it with: pip install 'nmfcore[sklearn]'")


def test_the_order_is_enforced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The checks above see an import that points upwards: a made-up package with one is caught."""
    package = tmp_path / "upside"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "low.py").write_text("def late():\n    from upside.high import x\n")
    (package / "high.py").write_text("from upside import low\nx = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert offences("upside", (("low",), ("high",), ("",))) == ["upside.low imports upside.high.x"]
