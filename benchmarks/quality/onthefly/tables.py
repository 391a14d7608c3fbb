"""What the result says of the penalties: the table, the caption and the picture."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.quality import tables

from .pairs import COMPONENTS, LEARNING, SEPARATING
from .penalties import ROWS

NAME = "quality-onthefly"
TITLE = "Pairs of everyday sounds"
ORDERINGS = (
    ("component > block", "component", "block"),
    ("relative component > component", "relative component, γ = 1", "component"),
    ("relative block > block", "relative block, γ = 1", "block"),
)


def table(result: dict[str, Any]) -> str:
    """The Markdown table."""
    rows = []
    for row in result["rows"]:
        penalty = next(one for one in ROWS if one.name == row["penalty"])
        paper = penalty.supervised if row["case"] == "supervised" else penalty.semi
        over_seeds = np.std(row["nsdr_by_seed"], ddof=1) if len(row["nsdr_by_seed"]) > 1 else float("nan")
        rows.append(
            [
                f"{row['case']}, {row['penalty']}",
                f"{row['lam']:g}",
                f"{np.mean(row['nsdr']):.2f} ± {tables.standard_error(row['nsdr']):.2f}",
                f"{np.mean(row['nsir']):.2f} ± {tables.standard_error(row['nsir']):.2f}",
                f"{over_seeds:.2f}",
                "" if paper is None else f"{paper[0]:.2f} / {paper[1]:.2f}",
            ]
        )
    return tables.markdown(["penalty", "λ0", "NSDR", "NSIR", "over seeds", "paper NSDR / NSIR"], rows)


def headline(result: dict[str, Any]) -> str:
    """The best penalty of each case."""
    rows = []
    for case in ("supervised", "semi-supervised"):
        best = max((row for row in result["rows"] if row["case"] == case), key=lambda row: float(np.mean(row["nsdr"])))
        sure = f"{np.mean(best['nsdr']):.1f} ± {tables.standard_error(best['nsdr']):.1f}"
        rows.append([f"{case}, {best['penalty']}", sure, f"{np.mean(best['nsir']):.1f}"])
    return tables.markdown(["best penalty, gain over the mixture in dB", "SDR", "SIR"], rows)


def caption(result: dict[str, Any]) -> str:
    """What the table shows, and which of the paper's orderings hold in it."""
    by_name = {(row["case"], row["penalty"]): row["nsdr"] for row in result["rows"]}
    said = []
    for case in ("supervised", "semi-supervised"):
        words = [f"{w} {tables.verdict(by_name[case, a], by_name[case, b])}" for w, a, b in ORDERINGS]
        best = max((key for key in by_name if key[0] == case), key=lambda key: float(np.mean(by_name[key])))
        said.append(f"{case}: {'; '.join(words)}; best is {best[1]}")
    gap = tables.verdict(by_name["supervised", "no sparsity"], by_name["semi-supervised", "no sparsity"])
    sentences = (
        f"Mean over both sources of {len(result['pairs'])} pairs of clips mixed at 0 dB,",
        "± standard error over pairs, in dB; each class is learned from its other clips.",
        f"Sine window of 47 ms, {COMPONENTS} components per example, {LEARNING} and {SEPARATING} updates.",
        "λ0 is the best of the row's grid on these pairs, as in the paper.",
        f'"Over seeds": standard deviation of the mean NSDR over {result["seeds"]} seeds.',
        "The paper's figures are of other recordings.",
        f"Its orderings here: {'. '.join(said)}.",
        f"Examples for both sources are better than for one: {gap}.",
        f"{result['machine']['cpu']}, {result['date']}.",
    )
    return " ".join(sentences)


def draw(result: dict[str, Any]) -> None:
    """The picture: NSDR of every row."""
    tables.bars(
        tables.PICTURES / f"{NAME}.png",
        [f"{row['case']}, {row['penalty']}" for row in result["rows"]],
        [row["nsdr"] for row in result["rows"]],
        ["#2f5c9e" if row["case"] == "supervised" else "#8fa8cc" for row in result["rows"]],
        "mean NSDR, dB (bar: mean, whisker: its standard error, dots: pairs)",
    )
