"""The papers' tables, with what was measured on the made set beside what the papers found on their recordings."""

from __future__ import annotations

from benchmarks.quality import tables

from .figures import Result, margins, of_system, over_seeds, per_cent, sdr_by_seed, spread
from .papers import TABLE_1, TABLE_3, TABLE_4, TABLE_5, WASPAA_1, WASPAA_2

NAME = "quality-mil"
TITLE = "Identify, locate and separate with weak labels"


def table(result: Result) -> str:
    """All tables in Markdown."""
    parts = [
        ("TASLP Table I, III: classification, micro F1", _classification(result)),
        ("TASLP Table IV: when, segments of 1 s; and where, which the papers show by examples", _places(result)),
        ("WASPAA Table 1: accuracy on the clips in which one class sounds", _accuracy(result)),
        ("WASPAA Table 2: in added noise", _noise(result)),
        ("TASLP Table V, WASPAA Table 3: enhancement, SDR in dB", _enhancement(result)),
    ]
    return "\n\n".join(f"*{title}*\n\n{text}" for title, text in parts)


def _classification(result: Result) -> str:
    rows = []
    papers: dict[str, tuple[float, ...]] = TABLE_1 | {"AV OS, sharper": ()}
    if result["fine_tuned"]:
        papers |= {name: value[:1] for name, value in TABLE_3.items()}
    for system, paper in papers.items():
        own = [per_cent(result, system, name) for name in ("f1", "precision", "recall", "map")]
        rows.append([system, *own, " / ".join(f"{value:.1f}" for value in paper)])
    return tables.markdown(["system", "F1", "precision", "recall", "mAP", "paper, F1 / precision / recall"], rows)


def _places(result: Result) -> str:
    rows = []
    for system, row in result["by_seed"][0]["classification"].items():
        if "segment_f1" not in row and "corloc" not in row:
            continue
        heard, seen = ["", ""], ["", "", ""]
        if "segment_f1" in row:
            heard = [per_cent(result, system, "segment_f1"), spread(of_system(result, system, "error_rate"), 2)]
        if "corloc" in row:
            names = ("corloc", "iou", "corloc_by_part")
            seen = [spread(of_system(result, system, name), 2) for name in names]
        paper = TABLE_4.get(system)
        rows.append([system, *heard, f"{paper[0]:.1f} / {paper[1]:.2f}" if paper else "", *seen])
    return tables.markdown(
        ["system", "segment F1", "error rate", "paper", "CorLoc", "IoU", "CorLoc of the best part"], rows
    )


def _accuracy(result: Result) -> str:
    rows = [
        [shown, per_cent(result, system, "accuracy"), f"{paper:.1f}"] for system, (shown, paper) in WASPAA_1.items()
    ]
    return tables.markdown(["system", "accuracy", "paper"], rows)


def _noise(result: Result) -> str:
    rows = []
    for decibels, paper in WASPAA_2.items():
        for system, of_paper in (
            ("AV TS", paper[0]),
            ("V + A (NCP, TSP)", paper[1]),
            ("AO TS", None),
            ("A (NCP, TSP)", None),
        ):
            own = [
                spread(over_seeds(result, lambda seed: 100 * seed["noise"][decibels][system][name]))  # noqa: B023
                for name in ("accuracy", "map")
            ]
            rows.append([f"{decibels} dB: {system}", *own, "" if of_paper is None else f"{of_paper:.1f}"])
    return tables.markdown(["system", "accuracy", "mAP", "paper, accuracy"], rows)


def _enhancement(result: Result) -> str:
    rows = []
    for name, values in sdr_by_seed(result).items():
        paper = TABLE_5.get(name)
        rows.append([name, spread(values, 2), "" if paper is None else f"{paper:.1f}"])
    return tables.markdown(["system, mask, label", "SDR", "paper"], rows)


def caption(result: Result) -> str:
    """How it was measured."""
    spent = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in result["seconds"].items())
    count = {split: result["recipe"][split] for split in ("train", "validation", "test")}
    return " ".join(
        (
            f"Mean ± standard deviation over {len(result['by_seed'])} seeds of the heads; one set, one pair of base",
            f"networks; of {len(result['fine_tuned'])} the base networks were trained on with the heads (fine-tuned);",
            "where that brings nothing better on the validation clips, a system stays as it was.",
            "Sharper: one stream whose soft maximum over proposals is as sharp as the two streams' weights are; AV OS",
            "is the paper's. CorLoc is of boxes by what they gather (avfront.localization.gathered); that of the best",
            "part is of the best-scored box alone, as in the papers.",
            f"{count['train']} clips to learn from, {count['validation']} to tune thresholds on,",
            f"{count['test']} to test on. The papers' figures are of DCASE 2017 and Kinetics recordings, of networks",
            "learned from millions of others, ours of made clips and of small networks learned from the same few:",
            "compare the order of systems, not the height. Added noise: every second test clip. Enhancement: three",
            "clean test clips of each class in three recordings of background noise at 0 dB; the adaptive τ was tuned",
            "on validation clips with other recordings. The noise floor alone would do as well there: scores of single",
            "components by these small networks add nothing, and Mel clustering, told by the truth which of its two",
            "sources is meant, does a little better.",
            "; ".join(f"{name}: {value}" for name, value in margins(result).items()) + ".",
            f"Times, beside whatever else the machine did: {spent}. {result['machine']['cpu']}, {result['date']}.",
        )
    )


def headline(result: Result) -> str:
    """A few rows for who looks at nothing else."""
    return tables.markdown(
        ["on the made set", ""],
        [
            *([f"F1 of {name}", per_cent(result, name, "f1")] for name in ("AV TS", "AO TS", "VO TS")),
            *([name, value] for name, value in margins(result).items()),
        ],
    )
