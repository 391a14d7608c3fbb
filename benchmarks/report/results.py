"""The kept results, and how their figures are written."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results"
IMAGES = ROOT / "docs" / "img"

Result = dict[str, Any]
PEERS = {
    "scikit-learn MU": "#c44e52",
    "torchnmf": "#dd8452",
    "NumPy formulas": "#8c8c8c",
    "ssspy GaussMNMF": "#8172b3",
    "pyroomacoustics fastmnmf2": "#937860",
}
OURS = "#4c72b0"
NOT_YET = "*Not measured yet: `make bench bench-report`.*"


def load() -> list[Result]:
    """Every result, in the order of its file name; the order of kinds and sizes is the tables' business."""
    paths = sorted(RESULTS.glob("*.json"))
    return [{"file": path.stem, **json.loads(path.read_text(encoding="utf-8"))} for path in paths]


def kind(results: Sequence[Result], *names: str) -> list[Result]:
    """Results of some kinds, small jobs first."""
    found = [result for result in results if result.get("kind") in names]
    return sorted(found, key=lambda result: (result.get("flops_per_iteration", 0), result.get("beta", 0)))


def span(values: Sequence[str]) -> str:
    """The value, or the range where results differ in it."""
    distinct = sorted(set(values))
    return distinct[0] if len(distinct) == 1 else f"{distinct[0]} to {distinct[-1]}"


def where(results: Sequence[Result]) -> str:
    """One sentence: machine, date, versions of the peers, and whatever makes the figures doubtful."""
    machines = sorted({f"{r['machine']['cpu']}, {r['machine']['threads']} threads" for r in results})
    versions: dict[str, list[str]] = {}
    for result in results:
        for name, value in result["machine"]["versions"].items():
            versions.setdefault(name, []).append(value)
    shown = ("numpy", "scikit-learn", "torch", "torchnmf", "ssspy", "pyroomacoustics")
    peers = ", ".join(f"{name} {span(versions[name])}" for name in shown if name in versions)
    blas = sorted({r["machine"]["blas"] for r in results if r["machine"].get("blas")})
    peers += "".join(f"; NumPy's products by {name}" for name in blas)
    sentence = f"{'; '.join(machines)}; {span([r['date'] for r in results])}; {peers}."
    if len({r["kernel_sha256"] for r in results}) > 1:
        sentence += " These results are not all of the same kernels."
    busy = max((r.get("others_share_of_cpu") or 0.0 for r in results), default=0.0)
    if busy > 0.05:
        sentence += f" Other programs took up to {busy:.0%} of the machine meanwhile."
    return sentence


def times(row: Result | None) -> str:
    return "–" if row is None else f"{row['times_ours']:.1f} ×"


def milliseconds(seconds: float) -> str:
    value = seconds * 1e3
    return f"{value:.3f} ms" if value < 1 else f"{value:.2f} ms" if value < 10 else f"{value:.0f} ms"


def mantissa(value: float | None) -> str:
    return "–" if value is None else f"{value:.0e}".replace("e-0", "e-")
