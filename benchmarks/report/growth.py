"""Time over each size of the problem."""

from .results import IMAGES, NOT_YET, OURS, PEERS, Result, kind, where


def section(results: list[Result]) -> str:
    found = kind(results, "growth")
    if not found:
        return NOT_YET
    return "![Time of an iteration against each size of the problem](img/growth.png)\n\n" + where(found)


def draw(results: list[Result]) -> None:
    """One panel per size: time of an iteration over it, of every program."""
    import matplotlib.pyplot as plt

    shown = kind(results, "growth")
    if not shown:
        return
    shown.sort(key=lambda result: result["what"], reverse=True)  # NMF's sizes, then EM's
    columns = 3
    rows = -(-len(shown) // columns)
    figure, grid = plt.subplots(rows, columns, figsize=(9, 2.8 * rows), layout="constrained", squeeze=False)
    handles = {}
    for axes, result in zip(grid.flat, shown, strict=False):
        sizes = [point["size"] for point in result["points"]]
        for name in result["points"][0]["seconds"]:
            values = [1e3 * point["seconds"][name] for point in result["points"]]
            colour = PEERS.get(name, OURS)
            (handles[name],) = axes.plot(sizes, values, "o-", ms=3, color=colour)
        axes.set(xscale="log", yscale="log", xlabel=result["axis"])
        axes.set_xticks(sizes, [str(size) for size in sizes], size=7)
        axes.minorticks_off()
        axes.set_title(result["what"], size=8)
        axes.spines[["top", "right"]].set_visible(False)
    for row in grid:
        row[0].set_ylabel("ms per iteration")
    for axes in grid.flat[len(shown) :]:
        axes.axis("off")
    figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=len(handles), fontsize=8)
    figure.savefig(IMAGES / "growth.png", dpi=130)
    plt.close(figure)
