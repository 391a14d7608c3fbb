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
