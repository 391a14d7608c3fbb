"""One iteration of every program, and the roofline."""

import statistics

from benchmarks.quality.tables import markdown

from .results import IMAGES, NOT_YET, OURS, PEERS, Result, kind, mantissa, milliseconds, times, where


def section(results: list[Result]) -> str:
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
            markdown(header, rows),
            f"Geometric means of the ratios: {', '.join(means)}.",
            "![Rate over arithmetic intensity, with the machine's two ceilings](img/roofline.png)",
            where(nmf),
        ]
    )


def draw(results: list[Result]) -> None:
    """Points: rate over flops per byte of V that a fused kernel reads; lines: what the machine can do."""
    import matplotlib.pyplot as plt
    from matplotlib.ticker import LogLocator

    shown = kind(results, "nmf")
    if not shown:
        return
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
    axes.annotate("NumPy's matrix product", (intensity[-1], sgemm), (0, 4), size=8, ha="right",
                  textcoords="offset points")  # fmt: skip
    axes.set(xscale="log", yscale="log", xlabel="flops per byte of V, read twice an iteration", ylabel="GFLOP/s")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter("")
    axes.legend(fontsize=8, frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(IMAGES / "roofline.png", dpi=130)
    plt.close(figure)
