"""Mixtures of string players separated by every method, and scored: the rows of the tables of separation by motion."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from itertools import combinations, permutations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avfront import media, overlay
from avfront.methods.motion import ByMotion, separate
from avfront.motion import mocap
from avfront.motion.evidence import Captured, Seen
from avfront.motion.looking import look
from avfront.motion.motions import Motions
from avfront.motion_job import ANALYSED, Sound, estimate_delay
from avfront.synth import stage
from nmfcore import masks

from . import commands, scores
from .players import RATE, SPLITS, Cast, Mixture

Array = NDArray[Any]
Row = dict[str, Any]
FRAME = 2048  # 93 ms, as the thesis has at 44.1 kHz
CAPTURED, FILMED = 15.0, 10.0  # seconds
SIZE = (640, 360)
REGRESSION = {
    "LS + timbre": ByMotion(estimator="timbre", restarts=1),
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
METHODS = COUPLED | REGRESSION
BY_VIDEO = (*REGRESSION, "Mel NMF")
HARDER = ("LS + timbre", "LS", "Mel NMF")
COMPARED = ("LS + timbre", "sMcNMF", "Mel NMF")


def sound_of(parts: Array) -> tuple[Sound, Array, Array]:
    """A mixture, its spectrogram (1, F, N) and its magnitude (F, N)."""
    sound = Sound(parts.sum(axis=0, dtype=np.float32)[None], RATE, 0.0, FRAME)
    X = sound.spectrogram()
    return sound, X, np.abs(X[0])


def aligned(evidence: Captured | Seen, parts: Array, seed: int) -> tuple[Motions, float]:
    """The motions on the frames of the sound, and the delay (s) of the picture that is made up for."""
    sound, _, V = sound_of(parts)
    at, width = sound.middles(V.shape[1]), FRAME / RATE
    delay = estimate_delay(V, evidence.motions(at, width), sound.hop / RATE, seed)
    return evidence.motions(at + delay, width), delay


def measured(parts: Array, motions: Motions, name: str, seeds: Sequence[int], judged: bool) -> Row:
    """Scores of one method on one mixture (J, T), and the cluster found for each object by each start.

    SIR and SAR take longer than the separation: they are those of the first start, of the methods that are compared,
    if `judged`; else None.
    """
    method = METHODS[name]
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
        if first is None and judged and name in COMPARED:
            first = scores.images(parts[:, None], estimates)
    return {
        "sdr": float(np.mean(sdr)),
        "sdr_by_start": sdr,
        **{key: None if first is None else float(np.mean(first[key])) for key in ("sir", "sar")},
        "sounding": found,
    }


def of_captured(mixture: Mixture, seeds: Sequence[int]) -> Iterator[Row]:
    """Rows of Tables 3.1 and 4.1 for one mixture."""
    parts = np.stack([player.sound(CAPTURED) for player in mixture.players])
    tables = {}
    for k, player in enumerate(mixture.players):
        bow = player.bow(CAPTURED, seed=k)
        inclination, velocity = bow.measured(k)
        tables[str(k)] = mocap.Table(bow.times, {"inclination": inclination, "velocity": velocity})
    motions, delay = aligned(Captured(tables), parts, seeds[0])
    for name in METHODS:
        row = measured(parts, motions, name, seeds, judged=mixture.split == SPLITS[1])
        del row["sounding"]  # each source has one motion
        yield {
            "split": mixture.split,
            "source": "mocap",
            "kind": mixture.kind,
            "film": "",
            "mixture": " + ".join(player.label for player in mixture.players),
            "method": name,
            **row,
            "delay": delay,
        }


def of_filmed(cast: Cast, seed: int, seeds: Sequence[int], quick: bool) -> Iterator[Row]:
    """Rows of Table 4.2 for all mixtures of one cast."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        parts, scene = shoot(cast, seed, path)
        info = media.probe(path)
        seen = look(media.frames(info, largest=ANALYSED, grey=True), info, [], boxes=scene.boxes)
    where = located(seen, scene, len(parts))
    whole, delay = aligned(seen, parts, seed)
    names = {2: "duos", 3: "trios", 4: "quartets"}
    for count in cast.counts:
        for players in list(combinations(range(len(parts)), count))[: 1 if quick else None]:
            motions, own = of_players(whole, [*players, 4] if cast.options.get("bystander") else players)
            main = cast.split == SPLITS[1] and cast.film == "plain" and count == 2
            for name in BY_VIDEO if main else HARDER:
                row = measured(parts[list(players)], motions, name, seeds, judged=main)
                found = [seen.kept[own[c]] for start in row.pop("sounding") for c in start[:count]]
                yield {
                    "split": cast.split,
                    "source": "video",
                    "kind": f"{names[count]}, {cast.kind}",
                    "film": cast.film,
                    "mixture": " + ".join(cast.players[j].label for j in players),
                    "method": name,
                    **row,
                    "iou": float(np.mean([where[int(c)]["iou"] for c in found])),
                    "right": float(np.mean([where[int(c)]["on_arm"] > 0.5 for c in found])),
                    "best_iou": float(np.mean([best(seen, where, j) for j in players])),
                    "delay": delay,
                }


def shoot(cast: Cast, seed: int, path: Path) -> tuple[Array, stage.Stage]:
    """Write the film of a cast with the sound of all; their stems (J, T), and the stage."""
    parts = np.stack([player.sound(FILMED) for player in cast.players])
    bows = [player.bow(FILMED, seed + k) for k, player in enumerate(cast.players)]
    scene = stage.Stage(bows, size=SIZE, seed=seed, **cast.options)
    with media.Writer(path, SIZE, {"mixture": parts.sum(axis=0)[None]}, RATE, quality=26) as writer:
        for frame in scene.frames():
            writer.write(frame)
    return parts, scene


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


def best(seen: Seen, where: dict[int, dict[str, float]], player: int) -> float:
    """The largest IoU of any cluster of a player: what choosing well could reach."""
    return max(where[int(c)]["iou"] for c in seen.kept if seen.clusters.groups[c] == player)


def end_to_end(cast: Cast, seed: int) -> Row:
    """Seconds and memory of the command line on the film of a cast, from the command to the files."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        shoot(cast, seed, path)
        spent = commands.separate(path, Path(folder) / "out")
    return {"video": f"{FILMED:g} s, {SIZE[0]}×{SIZE[1]}, 25 frames per second", **spent}
