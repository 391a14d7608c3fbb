"""A collection of made videos with weak labels, and with the truth that real collections lack.

The papers measured visual localisation by eye, since nobody had drawn boxes, and enhancement on mixtures of recordings
that were not clean. Here every object's box, every event's time and every stem is known.

What makes it hard, decided before any system was run on it:

* Four pairs of classes look alike, four sound alike (:mod:`avfront.synth.kinds`): neither modality is enough.
* One sounding class in five is off screen, and a third of the clips show an object of another class that is silent:
  the label says what sounds, so that seeing misses some and finds too much.
* Sounds are pieces of a few recordings per class, different ones in each split, at other speeds and levels, two
  classes at once in 40 % of the clips, over background noise at 3 to 18 dB: hearing is uncertain.
* Half of the objects are seen at another time than they are heard; most are gone for a half of the clip; one to three
  things of no class are in the picture with them.
* Classes to learn from are up to twenty times rarer than others, and one in twenty labels is wrong; validation and
  test are balanced, and their labels right.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from avfront import audio, media
from avfront.errors import AvfrontError
from avfront.manifest import Clip, checked, write_manifest
from avfront.outputs import Outputs
from avfront.synth.scenery import Heard, Picture, hear
from avfront.synth.scenes import Recipe, Scene, plan
from avfront.synth.takes import RATE, Takes, gather

MANIFEST, RECIPE = "manifest.csv", "recipe.json"


@dataclass(frozen=True)
class Thing:
    """An object that is seen: its class (None: of none), whether it sounds, and its boxes."""

    kind: str | None
    sounding: bool
    boxes: npt.NDArray[np.float64]  # (T, 4) x, y, width, height in pixels; NaN where it is out of sight


@dataclass(frozen=True)
class Truth:
    """What is true of a made clip.

    Attributes
    ----------
    kinds : tuple of str
        Classes that sound; the manifest's labels may be wrong.
    times : array (T,)
        Of the frames, s.
    things : tuple of Thing
        All objects in the picture.
    events : dict of class to list of (begin, end)
        When each class is heard, s.
    stems : dict of name to array (N,)
        Samples at 16 kHz by class, and of the background; they add up to the sound of the clip.
    """

    kinds: tuple[str, ...]
    times: npt.NDArray[np.float64]
    things: tuple[Thing, ...]
    events: dict[str, list[tuple[float, float]]]
    stems: dict[str, npt.NDArray[np.float32]]


def make_set(
    folder: Path,
    recipe: Recipe | None = None,
    *,
    recordings: Path | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> Path:
    """Make the videos of a set, their manifest, and the truth about them.

    Writes ``clips/NAME.mp4``, ``truth/NAME.json`` and ``truth/NAME.flac`` (a channel for each stem), and at last
    ``manifest.csv``. What is there already is kept: a run that was cut off goes on where it ended.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    recipe : Recipe, optional
        How many clips, of what kind.
    recordings : Path, optional
        Folder with ``clips/CLASS/*.flac`` and ``noise/*.flac``; what it lacks is synthesised.
    progress : function, optional
        Called with the share that is done, 0…1.

    Returns
    -------
    Path
        The manifest.

    Raises
    ------
    AvfrontError
        If the folder holds a set that was made by another recipe, or cannot be written to.
    """
    recipe = recipe or Recipe()
    takes = gather(recordings, recipe.seed)
    _claim(folder, recipe, takes)
    scenes = plan(recipe)
    for done, scene in enumerate(scenes):
        progress(done / len(scenes))
        # The truth is put in place after the video: where it is, the clip is whole.
        if not (folder / "truth" / f"{scene.name}.json").exists():
            _make(folder, scene, takes, recipe)
    clips = [Clip(folder / "clips" / f"{scene.name}.mp4", scene.labels, scene.split) for scene in scenes]
    write_manifest(folder / MANIFEST, checked(clips, folder))
    progress(1.0)
    return folder / MANIFEST


def read_truth(clip: Path) -> Truth:
    """The truth about a made video.

    Raises
    ------
    AvfrontError
        If the video is no part of a made set.
    """
    place = clip.parent.parent / "truth" / clip.with_suffix(".json").name
    try:
        content: dict[str, Any] = json.loads(place.read_text(encoding="utf-8"))
    except OSError as error:
        raise AvfrontError(
            "nothing is known about this video", file=clip, remedy="give a video that make_set has made"
        ) from error
    samples = audio.read(audio.probe(place.with_suffix(".flac")))
    things = tuple(
        Thing(
            thing["kind"],
            thing["sounding"],
            np.array([box or [np.nan] * 4 for box in thing["boxes"]], float).reshape(-1, 4),
        )
        for thing in content["things"]
    )
    return Truth(
        tuple(content["kinds"]),
        np.arange(content["frames"]) / content["rate"],
        things,
        {kind: [(begin, end) for begin, end in spans] for kind, spans in content["events"].items()},
        dict(zip(content["stems"], samples, strict=True)),
    )


def _claim(folder: Path, recipe: Recipe, takes: Takes) -> None:
    """Write down how the set is made, or see that it is being made so."""
    sources = {
        kind: {split: [take.name for take in own] for split, own in splits.items()}
        for kind, splits in {**takes.kinds, "background": takes.noises}.items()
    }
    text = json.dumps({"recipe": asdict(recipe), "recordings": sources}, indent=1) + "\n"
    place = folder / RECIPE
    if place.exists():
        if place.read_text(encoding="utf-8") != text:
            raise AvfrontError("another set is in this folder", file=folder, remedy="choose another folder")
        return
    with Outputs(folder, [RECIPE]) as outputs:
        outputs.path(RECIPE).write_text(text, encoding="utf-8")
        outputs.commit()


def _make(folder: Path, scene: Scene, takes: Takes, recipe: Recipe) -> None:
    import soundfile

    video, stems, truth = (f"clips/{scene.name}.mp4", f"truth/{scene.name}.flac", f"truth/{scene.name}.json")
    heard = hear(scene, takes, recipe.seconds)
    picture = Picture(scene, heard, recipe)
    with Outputs(folder, [video, stems, truth], force=True) as outputs:
        mixture = np.sum(list(heard.stems.values()), axis=0)[None].astype(np.float32)
        with media.Writer(outputs.path(video), recipe.size, {"sound": mixture}, RATE) as writer:
            for frame in picture.frames():
                writer.write(frame)
        soundfile.write(outputs.path(stems), np.stack(list(heard.stems.values()), axis=1), RATE, subtype="PCM_16")
        content = _described(scene, heard, picture, recipe)
        outputs.path(truth).write_text(json.dumps(content) + "\n", encoding="utf-8")
        outputs.commit()


def _described(scene: Scene, heard: Heard, picture: Picture, recipe: Recipe) -> dict[str, Any]:
    return {
        "kinds": scene.kinds,
        "rate": recipe.rate,
        "frames": round(recipe.seconds * recipe.rate),
        "noise_db": scene.noise_db,
        "things": [
            {"kind": actor.kind, "sounding": actor.sounding, "boxes": boxes}
            for actor, boxes in zip(scene.actors, picture.boxes, strict=True)
        ],
        "events": heard.events,
        "stems": list(heard.stems),
    }
