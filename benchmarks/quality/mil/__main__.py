"""`python -m benchmarks.quality.mil`: everything in turn, kept as it is done."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avfront.synth.collection import Recipe
from benchmarks.quality import recordings, tables

from . import NAME, caption, draw, table

if TYPE_CHECKING:
    from .world import World

ROOT = Path(__file__).resolve().parents[3]
SMALL = Recipe(train=24, validation=12, test=24, seconds=4.0)


def kept(folder: Path, name: str, make: Callable[..., Any], *arguments: Any) -> Any:
    """What an earlier run found, or finds now."""
    place = folder / "rows" / f"{name}.json"
    if not place.exists():
        begin = time.perf_counter()
        found = make(*arguments)
        print(f"{name}: {time.perf_counter() - begin:.0f} s", file=sys.stderr, flush=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        hidden = place.with_suffix(".part")
        hidden.write_text(json.dumps(found), encoding="utf-8")
        hidden.replace(place)
    return json.loads(place.read_text(encoding="utf-8"))


def measure(folder: Path, seed: int, seeds: int, tuned: int, quick: bool) -> dict[str, Any]:
    """All rows."""
    import torch

    from avfront.mil.job import BASE

    from . import classification, enhancement
    from .world import World

    # The networks are small: more threads wait for one another.
    torch.set_num_threads(1)
    world = World(
        folder,
        recordings.folder(),
        SMALL if quick else Recipe(),
        lambda text: print(text, file=sys.stderr, flush=True),
        replace(BASE, steps=40, interval=20) if quick else BASE,
    )
    mixed = list(enhancement.scaled(world, "test", 1 if quick else 3))
    tuning = list(enhancement.scaled(world, "validation", 1 if quick else 2))
    baselines = kept(folder, "baselines", enhancement.baselines, world, mixed, seed)
    by_seed, trained, fine_tuned = [], [], []
    for each in range(seed, seed + seeds):
        begin = time.perf_counter()
        systems = {name: world.train(name, variant, each) for name, variant in classification.SYSTEMS.items()}
        by_seed.append(of_seed(world, each, systems, mixed, tuning))
        world.note("heads and tables of a seed", time.perf_counter() - begin)
        trained.append(systems)
    for each, systems in zip(range(seed, seed + tuned), trained, strict=False):
        begin = time.perf_counter()
        fine_tuned.append(kept(folder, f"tuned-{each}", classification.rows_of_tuned, world, systems, each))
        world.note("fine-tuning of a seed", time.perf_counter() - begin)
    return tables.stamp(NAME, seed) | {
        "recipe": asdict(world.recipe),
        "classes": list(world.classes),
        "seconds": world.seconds,
        "by_seed": by_seed,
        "fine_tuned": fine_tuned,
        "baselines": baselines,
    }


def of_seed(world: World, seed: int, systems: dict[str, Any], mixed: list[Any], tuning: list[Any]) -> dict[str, Any]:
    """All rows of the heads of one seed."""
    from . import classification, enhancement

    def rows(name: str, make: Callable[..., Any], *arguments: Any) -> Any:
        return kept(world.folder, f"{name}-{seed}", make, world, *arguments)

    return {
        "classification": rows("classes", classification.rows_of, systems),
        "weights": rows("weights", enhancement.fitted, systems["V + A (NCP)"], tuning),
        "enhancement": rows("enhancement", enhancement.rows_of, systems, mixed),
        "noise": {
            f"{level:g}": rows(f"noise-{level:g}", classification.in_noise, systems, level)
            for level in classification.NOISE_DB
        },
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure or show."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality.mil")
    parser.add_argument("--quick", action="store_true", help="a small set of short clips; the result is not kept")
    parser.add_argument("--seed", type=int, default=0, help="of the first heads")
    parser.add_argument("--seeds", type=int, default=3, help="how many")
    parser.add_argument("--tuned", type=int, default=1, help="of how many of them the base networks are trained on")
    parser.add_argument("--folder", type=Path, default=None, help="where the work is kept; default out/mil")
    parser.add_argument("--show", action="store_true", help="only show and draw the kept result")
    options = parser.parse_args(arguments)
    if options.show:
        result = tables.read(NAME)
    else:
        recordings.folder()
        folder = options.folder or ROOT / "out" / ("mil-quick" if options.quick else "mil")
        result = measure(folder, options.seed, 1 if options.quick else options.seeds, options.tuned, options.quick)
        if not options.quick:
            print(tables.write(NAME, result), file=sys.stderr)
    print(table(result), caption(result), sep="\n\n")
    if not options.quick:
        draw(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
