"""The examples in the pages run as they stand, those of a page one after the other."""

import re
import warnings
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGES = [page for page in sorted(DOCS.rglob("*.md")) if "```python" in page.read_text(encoding="utf-8")]
PEERS = {"librosa", "torch"}  # which the examples may need, and the tests do not install


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_examples(page: Path) -> None:
    names: dict[str, object] = {}
    ran = 0
    for block in re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                exec(compile(block, str(page), "exec"), names)
        except ModuleNotFoundError as error:
            if error.name not in PEERS:
                raise
            continue
        ran += 1
    assert ran
