"""What every test may ask for: each backend in turn, and the real recordings."""

import os
from pathlib import Path

import pytest

import nmfcore

ROOT = Path(__file__).resolve().parent.parent


def pytest_configure() -> None:
    """Programs that tests start shall not find sources in the current folder before the installed package."""
    os.environ["PYTHONSAFEPATH"] = "1"


def pytest_report_header() -> str:
    """Says which installation is tested, so that a source tree that hides it is noticed."""
    home, found = Path(nmfcore.__file__).parent, nmfcore.backends.available()
    return f"nmfcore {nmfcore.__version__} in {home}, backends: {', '.join(found)}"


def with_gpu_marks(names: list[str]) -> list[object]:
    """Parameters for a fixture; those that run on a GPU carry its marker."""
    return [pytest.param(name, marks=pytest.mark.gpu) if name.startswith("cuda") else name for name in names]


@pytest.fixture(params=with_gpu_marks(nmfcore.backends.available()))
def backend(request: pytest.FixtureRequest) -> str:
    """The name of each backend that works here, for `backend=`."""
    name: str = request.param
    return name


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real recordings: $NMFCORE_DATA, else ../shared/data beside the repository."""
    folder = Path(os.environ.get("NMFCORE_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no recordings in {folder}; set NMFCORE_DATA to the folder that holds them")
    return folder
