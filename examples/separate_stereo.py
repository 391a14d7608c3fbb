"""Separate a stereo recording from Python: the same job as ``avfront separate``, step by step in one file.

    python examples/separate_stereo.py mix.wav speech=voices/ noise=street.flac,rain.flac -o out/

Each source is named with examples of how it sounds: other recordings of speech, other noises, never the
mixture itself.
"""

import argparse
from pathlib import Path

from avfront.errors import AvfrontError
from avfront.job import Job
from avfront.pipeline import separate
from avfront.sources import parse


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("mix", type=Path)
    words.add_argument("sources", nargs="+", metavar="NAME=FILE,FILE,FOLDER")
    words.add_argument("-o", "--output", type=Path, default=Path("separated"))
    words.add_argument("--mic-distance", type=float, default=0.086, help="metres between the two microphones")
    given = words.parse_args()

    job = Job(
        mixture=given.mix,
        sources=parse(given.sources),
        output=given.output,
        method="spatial",
        options={"iterations": 15},
        mic_distance=given.mic_distance,
        force=True,
    )
    outcome = separate(job, progress=show)

    print(f"\n{outcome.timings['total']:.1f} s")
    for source in outcome.report["sources"]:
        print(f"{source['name']:<12}{source['level_db']:+6.1f} dB   {outcome.files[source['name']]}")
    likelihood = outcome.objective[0]
    print(f"log-likelihood of the first segment: {likelihood[0]:.0f} at first, {likelihood[-1]:.0f} at last")


def show(stage: str, share: float) -> None:
    print(f"\r{stage:<12}{share:4.0%}", end="", flush=True)


if __name__ == "__main__":
    try:
        main()
    except AvfrontError as error:
        raise SystemExit(str(error)) from None
