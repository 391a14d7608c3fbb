"""One iteration beside the peers: the short table, and how far from the machine's matrix product."""

from benchmarks.quality.tables import markdown

from .results import IMAGES, NOT_YET, OURS, PEERS, Result, kind, mantissa, milliseconds, times, where


def section(results: list[Result]) -> str:
    nmf, em = kind(results, "nmf"), sorted(kind(results, "em"), key=lambda r: r["name"])
    if not nmf and not em:
        return NOT_YET
    parts = [*(_nmf(nmf) if nmf else []), *(_em(em) if em else [])]
    return "\n\n".join([*parts, where([*nmf, *em])])


def _nmf(results: list[Result]) -> list[str]:
    """The table of factorizations, what its columns are, and its pictures."""
    rows = []
    for result in results:
        entries = result["contestants"]
        mine, sklearn = entries[result["ours"]], entries.get("scikit-learn MU")
        error = f"{mantissa(mine['error'])} / {mantissa(sklearn['error'] if sklearn else None)}"
        peers = [times(entries.get(name)) for name in ("scikit-learn MU", "torchnmf", "NumPy formulas")]
        fraction = f"{mine['sgemm_fraction']:.0%}"
        rows.append([result["what"], milliseconds(mine["iteration_s"]), *peers, fraction, error])
    header = ["one iteration, float32", "nmfcore", "scikit-learn", "torchnmf", "NumPy", "of sgemm", "error"]
    columns = (
        "Peers: how many times as long they take, the median over rounds that interleave all of them in "
        "one run with the same matrices, threads and starting point. Of sgemm: rate of the matrix "
        "products against NumPy's float32 matrix product measured in the same run; above 100% where NumPy's "
        "library has no kernels for the processor and takes those of an older one. Error: of the factors "
        "after one iteration against float64, nmfcore / scikit-learn."
    )
    pictures = (
        "![Peers' time over nmfcore's, by workload](docs/img/speed.png)",
        "![Fraction of the machine's matrix product rate, by workload](docs/img/ceiling.png)",
    )
    return [markdown(header, rows), columns, *pictures]


def _em(results: list[Result]) -> list[str]:
    """The table of the spatial model."""
    rows = []
    for result in results:
        entries = result["contestants"]
        peers = [times(entries.get(name)) for name in ("ssspy GaussMNMF", "pyroomacoustics fastmnmf2")]
        rows.append([result["what"], milliseconds(entries[result["ours"]]["iteration_s"]), *peers])
    table = markdown(["one iteration, complex64", "nmfcore", "ssspy GaussMNMF", "fastmnmf2"], rows)
    models = (
        "fastmnmf2 (pyroomacoustics) fits jointly diagonalizable covariances, a smaller model; GaussMNMF "
        "is the full-rank one."
    )
    return [table, models]


def draw(results: list[Result]) -> None:
    """Both pictures, where there are results."""
    if kind(results, "nmf"):
        _draw_ratios(results)
        _draw_ceiling(results)


def _draw_ratios(results: list[Result]) -> None:
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


def _draw_ceiling(results: list[Result]) -> None:
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
    axes.axvline(100, color="0.4", lw=1)
    axes.set_xlabel("per cent of the rate of NumPy's float32 matrix product, measured in the same run", size=9)
    figure.legend(loc="outside upper right", fontsize=8, ncols=2)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(IMAGES / "ceiling.png", dpi=130)
    plt.close(figure)
