"""Draws docs/img/*.png and rewrites the measured tables of the pages, from benchmarks/results/*.json alone.

Run by `make bench-report`, as a module of this package: it asks benchmarks/quality for its tables. Only what
stands between `<!-- measured:NAME -->` and `<!-- /measured:NAME -->` is replaced; a part without results says
so.
"""

import json
import re
import statistics
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
IMAGES = ROOT / "docs" / "img"
PAGES = {
    ROOT / "README.md": ("speed", "job", "quality"),
    ROOT / "docs" / "benchmarks.md": ("kernels", "growth", "less", "estimators", "models"),
}

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


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose columns but the first are aligned to the right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


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


def speed(results: list[Result]) -> str:
    nmf, em = kind(results, "nmf"), sorted(kind(results, "em"), key=lambda r: r["name"])
    if not nmf and not em:
        return NOT_YET
    parts = []
    if nmf:
        rows = []
        for result in nmf:
            entries = result["contestants"]
            mine, sklearn = entries[result["ours"]], entries.get("scikit-learn MU")
            error = f"{mantissa(mine['error'])} / {mantissa(sklearn['error'] if sklearn else None)}"
            peers = [times(entries.get(name)) for name in ("scikit-learn MU", "torchnmf", "NumPy formulas")]
            fraction = f"{mine['sgemm_fraction']:.0%}"
            rows.append([result["what"], milliseconds(mine["iteration_s"]), *peers, fraction, error])
        header = [
            "one iteration, float32",
            "nmfcore",
            "scikit-learn",
            "torchnmf",
            "NumPy",
            "of sgemm",
            "error",
        ]
        parts.append(table(header, rows))
        parts.append(
            "Peers: how many times as long they take, the median over rounds that interleave all of them in "
            "one run with the same matrices, threads and starting point. Of sgemm: rate of the matrix "
            "products against the machine's float32 matrix product measured in the same run. Error: of the "
            "factors after one iteration against float64, nmfcore / scikit-learn."
        )
        parts.append("![Peers' time over nmfcore's, by workload](docs/img/speed.png)")
        parts.append("![Fraction of the machine's matrix product rate, by workload](docs/img/ceiling.png)")
    if em:
        rows = []
        for result in em:
            entries = result["contestants"]
            peers = [times(entries.get(name)) for name in ("ssspy GaussMNMF", "pyroomacoustics fastmnmf2")]
            rows.append([result["what"], milliseconds(entries[result["ours"]]["iteration_s"]), *peers])
        parts.append(table(["one iteration, complex64", "nmfcore", "ssspy GaussMNMF", "fastmnmf2"], rows))
        parts.append(
            "fastmnmf2 (pyroomacoustics) fits jointly diagonalizable covariances, a smaller model; GaussMNMF "
            "is the full-rank one."
        )
    parts.append(where([*nmf, *em]))
    return "\n\n".join(parts)


def job(results: list[Result]) -> str:
    jobs, imports = kind(results, "job"), kind(results, "import")
    if not jobs:
        return NOT_YET
    rows = []
    for result in jobs:
        median = result["median"]
        figures = (
            f"{median['wall_s']:.1f} s",
            f"{median['algorithm_s']:.1f} s",
            f"{median['peak_bytes'] / 1e6:.0f} MB",
        )
        rows.append([result["what"], *figures])
    parts = [table(["from the command to the files", "in all", "of it learning and separating", "memory"], rows)]
    parts += [f"{r['what'].capitalize()}: {r['median_s']:.2f} s." for r in imports]
    parts.append(where([*jobs, *imports]))
    return "\n\n".join(parts)


def quality(results: list[Result]) -> str:
    """The tables of benchmarks/quality, as its own programs write them."""
    from .quality import motion, onthefly, spatial

    kept = {result["file"]: result for result in results}
    parts = []
    for program, title in (
        (spatial, "Speech in noise, simulated rooms"),
        (onthefly, "Pairs of everyday sounds"),
        (motion, "String players who are seen to play"),
    ):
        result = kept.get(program.NAME)
        if result is not None:
            picture = f"![{title}](docs/img/{program.NAME}.png)"
            parts += [f"**{title}**", program.table(result), picture, program.caption(result)]
    return "\n\n".join(parts) or "*Not measured yet: `make bench-quality bench-report`.*"


def kernels(results: list[Result]) -> str:
    nmf = kind(results, "nmf")
    if not nmf:
        return NOT_YET
    rows = []
    for result in nmf:
        for name, entry in result["contestants"].items():
            memory = entry.get("peak_bytes")
            rows.append(
                [
                    result["what"] if name == result["ours"] else "",
                    name,
                    milliseconds(entry["iteration_s"]),
                    times(entry),
                    f"{entry['sgemm_fraction']:.0%}",
                    mantissa(entry["error"]),
                    "–" if memory is None else f"{memory / 1e6:.0f} MB",
                ]
            )
    means = []
    for peer in ("scikit-learn MU", "torchnmf"):
        ratios = [r["contestants"][peer]["times_ours"] for r in nmf if peer in r["contestants"]]
        means.append(f"{statistics.geometric_mean(ratios):.1f} × for {peer} over {len(ratios)} workloads")
    header = ["one iteration, float32", "program", "time", "over ours", "of sgemm", "error", "memory"]
    return "\n\n".join(
        [
            table(header, rows),
            f"Geometric means of the ratios: {', '.join(means)}.",
            "![Rate over arithmetic intensity, with the machine's two ceilings](img/roofline.png)",
            where(nmf),
        ]
    )


def growth(results: list[Result]) -> str:
    found = kind(results, "growth")
    if not found:
        return NOT_YET
    return "![Time of an iteration against each size of the problem](img/growth.png)\n\n" + where(found)


def less(results: list[Result]) -> str:
    found = kind(results, "acceleration")
    if not found:
        return NOT_YET
    rows = [
        [
            result["what"],
            f"{result['iterations']['plain']}",
            f"{result['iterations']['extrapolation']}",
            f"{result['times_faster']:.1f} ×",
        ]
        for result in found
    ]
    header = ["to the same objective", "iterations", 'with acceleration="extrapolation"', "faster"]
    return table(header, rows) + "\n\n" + where(found)


def estimators(results: list[Result]) -> str:
    found = kind(results, "estimator")
    if not found:
        return NOT_YET
    rows = []
    for result in found:
        entries = result["contestants"]
        low, high = entries["scikit-learn"]["times_ours_range"]
        ratio = f"{times(entries['scikit-learn'])} ({low:.1f} to {high:.1f})"
        rows.append([result["what"], milliseconds(entries["nmfcore"]["iteration_s"]), ratio])
    header = ["one iteration (of a mini-batch: one pass)", "nmfcore", "scikit-learn"]
    return table(header, rows) + "\n\n" + where(found)


def models(results: list[Result]) -> str:
    found = kind(results, "models")
    if not found:
        return NOT_YET
    names = [name for name in found[0]["contestants"] if name != found[0]["ours"]]
    rows = [[result["what"], *(times(result["contestants"][name]) for name in names)] for result in found]
    return table(["one iteration over plain KL's", *names], rows) + "\n\n" + where(found)


SECTIONS: dict[str, Callable[[list[Result]], str]] = {
    "speed": speed,
    "job": job,
    "quality": quality,
    "kernels": kernels,
    "growth": growth,
    "less": less,
    "estimators": estimators,
    "models": models,
}


def rewrite(text: str, results: list[Result], names: Iterable[str] = ()) -> str:
    r"""A page's text with its measured parts made anew.

    >>> print(rewrite("<!-- measured:job -->\nold\n<!-- /measured:job -->", [], ["job"]))
    <!-- measured:job -->
    *Not measured yet: `make bench bench-report`.*
    <!-- /measured:job -->
    """
    for name in names or SECTIONS:
        pattern = re.compile(rf"(<!-- measured:{name} -->\n).*?(<!-- /measured:{name} -->)", re.DOTALL)
        if not pattern.search(text):
            sys.exit(f"a page has no <!-- measured:{name} --> ... <!-- /measured:{name} -->; put them back")
        body = SECTIONS[name](results)
        text = pattern.sub(lambda match, body=body: f"{match[1]}{body}\n{match[2]}", text)  # type: ignore[misc]
    return text


def draw_speed(results: list[Result]) -> None:
    """Bars: peers' time over ours, the median and the range of the rounds."""
    import matplotlib.pyplot as plt

    shown = [*kind(results, "nmf"), *sorted(kind(results, "em"), key=lambda r: r["name"])]
    names = [name for name in PEERS if any(name in result["contestants"] for result in shown)]
    height = 0.8 / 3
    figure, axes = plt.subplots(figsize=(9, 0.6 * len(shown) + 1.4), layout="constrained")
    seen = set()
    for row, result in enumerate(shown):
        present = [name for name in names if name in result["contestants"]]
        for place, name in enumerate(present):
            entry = result["contestants"][name]
            ratio, (low, high) = entry["times_ours"], entry["times_ours_range"]
            y = row + (place - (len(present) - 1) / 2) * height
            label = None if name in seen else name
            error = [[max(ratio - low, 0)], [max(high - ratio, 0)]]
            axes.barh(
                y,
                ratio,
                height,
                color=PEERS[name],
                label=label,
                xerr=error,
                ecolor="0.3",
                error_kw={"lw": 0.8},
            )
            axes.annotate(
                f"{ratio:.1f}", (max(high, ratio), y), (4, 0), textcoords="offset points", va="center", size=8
            )
            seen.add(name)
    axes.axvline(1, color=OURS, lw=2)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_yticks(range(len(shown)), [result["what"] for result in shown], size=8)
    axes.invert_yaxis()
    axes.set_xlabel("time of one iteration over nmfcore's (line); whiskers: range of the rounds", size=9)
    figure.legend(loc="outside upper right", fontsize=8, ncols=len(names))
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(IMAGES / "speed.png", dpi=130)
    plt.close(figure)


def draw_ceiling(results: list[Result]) -> None:
    """Bars: rate of the matrix products inside an iteration over the machine's sgemm rate of the same run."""
    import matplotlib.pyplot as plt

    shown = kind(results, "nmf")
    figure, axes = plt.subplots(figsize=(9, 0.35 * len(shown) + 1.4), layout="constrained")
    for row, result in enumerate(shown):
        for name, colour, height in (
            (result["ours"], OURS, 0.7),
            ("scikit-learn MU", PEERS["scikit-learn MU"], 0.25),
        ):
            entry = result["contestants"].get(name)
            if entry is not None:
                label = None if row else name
                axes.barh(row, 100 * entry["sgemm_fraction"], height, color=colour, label=label)
    axes.set_yticks(range(len(shown)), [result["what"] for result in shown], size=8)
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel("per cent of the float32 matrix product rate measured in the same run", size=9)
    figure.legend(loc="outside upper right", fontsize=8, ncols=2)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(IMAGES / "ceiling.png", dpi=130)
    plt.close(figure)


def draw_roofline(results: list[Result]) -> None:
    """Points: rate over flops per byte of V that a fused kernel reads; lines: what the machine can do."""
    import matplotlib.pyplot as plt

    shown = kind(results, "nmf")
    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for name, colour in ((None, OURS), *PEERS.items()):
        points = []
        for result in shown:
            entry = result["contestants"].get(name or result["ours"])
            if entry is not None:
                points.append((result["flops_per_iteration"] / result["bytes_of_v"] / 2, entry["gflops"]))
        if points:
            axes.plot(*zip(*points, strict=True), "o" if name is None else "x", color=colour, label=name or "nmfcore")
    ceilings = [result["ceilings"] for result in shown]
    sgemm, copy = (statistics.median(c[key] for c in ceilings) for key in ("sgemm_gflops", "copy_gb_s"))
    low, high = axes.get_xlim()
    intensity = [max(low, 1) * (high / max(low, 1)) ** (i / 50) for i in range(51)]
    axes.plot(intensity, [min(sgemm, copy * x) for x in intensity], color="0.4", lw=1)
    axes.annotate("matrix products, copies", (intensity[0], min(sgemm, copy * intensity[0])), (0, 4), size=8,
                  textcoords="offset points")  # fmt: skip
    axes.set(xscale="log", yscale="log", xlabel="flops per byte of V, read twice an iteration", ylabel="GFLOP/s")
    axes.legend(fontsize=8, frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(IMAGES / "roofline.png", dpi=130)
    plt.close(figure)


def draw_growth(results: list[Result]) -> None:
    """One panel per size: time of an iteration over it, of every program."""
    import matplotlib.pyplot as plt

    shown = kind(results, "growth")
    figure, grid = plt.subplots(1, len(shown), figsize=(3 * len(shown), 3.2), layout="constrained", squeeze=False)
    handles = {}
    for axes, result in zip(grid[0], shown, strict=True):
        for name in result["points"][0]["seconds"]:
            sizes = [point["size"] for point in result["points"]]
            values = [1e3 * point["seconds"][name] for point in result["points"]]
            colour = PEERS.get(name, OURS)
            (handles[name],) = axes.plot(sizes, values, "o-", ms=3, color=colour)
        axes.set(xscale="log", yscale="log", xlabel=result["axis"])
        axes.set_title(result["what"], size=8)
        axes.spines[["top", "right"]].set_visible(False)
    grid[0][0].set_ylabel("ms per iteration")
    figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=len(handles), fontsize=8)
    figure.savefig(IMAGES / "growth.png", dpi=130)
    plt.close(figure)


def main() -> None:
    """Read the results, draw, and rewrite the tables."""
    import matplotlib

    matplotlib.use("Agg")
    results = load()
    IMAGES.mkdir(parents=True, exist_ok=True)
    if kind(results, "nmf"):
        draw_speed(results)
        draw_ceiling(results)
        draw_roofline(results)
    if kind(results, "growth"):
        draw_growth(results)
    for page, names in PAGES.items():
        page.write_text(rewrite(page.read_text(encoding="utf-8"), results, names), encoding="utf-8")
    print(f"{', '.join(page.name for page in PAGES)} and docs/img/ now show {len(results)} result files")


if __name__ == "__main__":
    main()
