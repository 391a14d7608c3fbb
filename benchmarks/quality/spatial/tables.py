"""What the result says of the rows: the table, the caption and the picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.quality import tables

from .rows import BLIND, DEFAULT, SEEDED

NAME = "quality-spatial"
TITLE = "Speech in noise, simulated rooms"
PAPER = {  # Table I, mean speech SDR and SIR in dB, on SiSEC's recordings: the setting, not these mixtures
    "GSSM + SV separation": (8.1, 11.0),
    "GSSM + SV separation, no sparsity": (1.8, 1.5),
    "GSSM + SV separation, joint dictionary": (4.9, 6.5),
    "GSSM + SV denoising": (7.7, 9.0),
    "NMF baseline (Arberet)": (4.4, 4.6),
}
ORDERINGS = (
    ("separation > denoising", "GSSM + SV separation", "GSSM + SV denoising"),
    ("denoising > NMF baseline", "GSSM + SV denoising", "NMF baseline (Arberet)"),
    ("sparsity helps", "GSSM + SV separation", "GSSM + SV separation, no sparsity"),
    (
        "one dictionary per example > joint dictionary",
        "GSSM + SV separation",
        "GSSM + SV separation, joint dictionary",
    ),
    ("NMF baseline > no sparsity", "NMF baseline (Arberet)", "GSSM + SV separation, no sparsity"),
)


def values(result: dict[str, Any], row: str, score: str = "sdr", source: int = 0) -> list[float]:
    """One score of one row for each mixture that has it; SDR is the mean over seeds."""
    found = []
    for entry in result["mixtures"]:
        scored = entry["scores"][row]
        if score == "sdr" and "sdr_by_seed" in scored:
            found.append(float(np.mean([one[source] for one in scored["sdr_by_seed"]])))
        elif score in ("pesq", "stoi"):
            found += [scored[score]] if score in scored else []
        else:
            found.append(float(scored[score][source]))
    return found


def spread_over_seeds(result: dict[str, Any], row: str) -> float | None:
    """Standard deviation over seeds of the mean speech SDR; None for one seed."""
    runs = [entry["scores"][row].get("sdr_by_seed") for entry in result["mixtures"]]
    if not all(runs) or len(runs[0]) < 2:
        return None
    means = np.array([[one[0] for one in run] for run in runs]).mean(axis=0)
    return float(means.std(ddof=1))


def table(result: dict[str, Any]) -> str:
    """The Markdown table."""
    rows = []
    for name in result["rows"]:
        sdr = values(result, name)
        seeds = spread_over_seeds(result, name)
        rows.append(
            [
                f"**{name}**" if name == DEFAULT else name,
                f"{np.mean(sdr):.1f} ± {tables.standard_error(sdr):.1f}",
                *(f"{_mean(values(result, name, score)):.1f}" for score in ("sir", "isr", "sar")),
                *(f"{_mean(values(result, name, score, 1)):.1f}" for score in ("sdr", "sir")),
                *(
                    f"{_mean(found):.2f}" if (found := values(result, name, score)) else ""
                    for score in ("pesq", "stoi")
                ),
                "" if seeds is None else f"{seeds:.2f}",
                f"{np.median([e['scores'][name]['seconds'] for e in result['mixtures']]):.1f}",
                "{:.1f} / {:.1f}".format(*PAPER[name]) if name in PAPER else "",
            ]
        )
    header = [
        "",
        "speech SDR",
        "SIR",
        "ISR",
        "SAR",
        "noise SDR",
        "SIR",
        "PESQ",
        "STOI",
        "over seeds",
        "seconds",
        "paper SDR / SIR",
    ]
    return tables.markdown(header, rows)


def headline(result: dict[str, Any]) -> str:
    """The default beside the blind methods, in few rows."""
    shown = [DEFAULT, *BLIND, "NMF baseline (Arberet)", "mixture", "oracle Wiener filter"]
    rows = [
        [name, *(f"{_mean(values(result, name, score)):.1f}" for score in ("sdr", "sir", "sar"))]
        for name in shown
        if name in result["rows"]
    ]
    peer = max(BLIND, key=lambda name: _mean(values(result, name)))
    lead = tables.verdict(values(result, DEFAULT), values(result, peer))
    return "\n\n".join(
        (
            tables.markdown(["mean over stereo mixtures, dB", "speech SDR", "SIR", "SAR"], rows),
            f"The default above {peer}, the best of the blind methods: {lead}.",
        )
    )


def caption(result: dict[str, Any]) -> str:
    """What the table shows, and which of the paper's orderings hold in it."""
    facts = [entry["facts"] for entry in result["mixtures"]]
    levels = sorted({fact["snr_db"] for fact in facts})
    mine = values(result, DEFAULT)
    against = [f"{peer} {tables.verdict(mine, values(result, peer))}" for peer in (*BLIND, "NMF baseline (Arberet)")]
    hard = [i for i, fact in enumerate(facts) if fact["snr_db"] <= 0]
    at_zero = [
        f"{peer} {tables.verdict(*([each[i] for i in hard] for each in (mine, values(result, peer))))}"
        for peer in BLIND
        if len(hard) > 2
    ]
    orderings = [f"{words} {tables.verdict(values(result, a), values(result, b))}" for words, a, b in ORDERINGS]
    rt60 = [fact["rt60_s"] for fact in facts]
    sentences = (
        f"Mean over {len(facts)} simulated stereo mixtures of 10 s, ± standard error over mixtures:",
        f"{len({f['talker'] for f in facts})} talkers, {len({f['noise'] for f in facts})} noises,",
        f"speech at {levels[0]:+g}…{levels[-1]:+g} dB, RT60 {min(rt60):.2f}…{max(rt60):.2f} s,",
        f"microphones 8.6 cm apart, noise from {result['points']} points all round.",
        "Scores are museval v4 image scores in dB; PESQ (wide band) and STOI of the talker at the first microphone.",
        "Dictionaries come from 3 other talkers and 5 other noises.",
        f'"Over seeds": standard deviation of the mean SDR over {result["seeds"]} seeds.',
        "The order of the blind methods' outputs is chosen by the truth.",
        "Places unknown: of the microphones, so that the fit begins from measured direct paths.",
        "The paper's own figures are of other recordings.",
        f"The default above each of these: {'; '.join(against)}.",
        f"The same at 0 dB and below ({len(hard)}): {'; '.join(at_zero)}.",
        f"The paper's orderings here: {'; '.join(orderings)}.",
        "A comparison is undecided within two standard errors.",
        "Seconds are of processor time:",
        f"{result['machine']['cpu']}, {result['date']}.",
    )
    return " ".join(sentences)


def draw(result: dict[str, Any], name: str) -> None:
    """The picture: speech SDR of every row."""
    colours = {
        **dict.fromkeys(SEEDED, "#8fa8cc"),
        DEFAULT: "#2f5c9e",
        **dict.fromkeys(BLIND, "#937860"),
    }
    tables.bars(
        tables.PICTURES / f"{name}.png",
        result["rows"],
        [values(result, row) for row in result["rows"]],
        [colours.get(row, "#bbbbbb") for row in result["rows"]],
        "speech image SDR, dB (bar: mean, whisker: its standard error, dots: mixtures)",
    )


def _mean(numbers: Sequence[float]) -> float:
    """Mean; scores above 100 dB (an estimate without that error) count as 100."""
    return float(np.mean(np.minimum(numbers, 100.0)))
