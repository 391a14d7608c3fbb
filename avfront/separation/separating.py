"""The mixture, segment after segment, to the images of its sources."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from avfront import audio
from avfront.audio import AudioInfo, Survey
from avfront.errors import AvfrontError
from avfront.job import Stages
from avfront.methods import Method, Scene, Separated
from avfront.methods.base import frame_length
from avfront.separation import segments
from avfront.separation.job import Done, Plan

if TYPE_CHECKING:
    from nmfcore.models import Dictionary


@dataclass(frozen=True)
class Mixture:
    """A recording as its model hears it.

    Attributes
    ----------
    info : AudioInfo
        Of the file.
    survey : Survey
        Of its samples.
    active : list of int
        Channels that say something new: neither silent, nor copies of the first.
    gain : float
        That brings the recording to unit level.
    frame : int
        Samples per frame.
    """

    info: AudioInfo
    survey: Survey
    active: list[int]
    gain: float
    frame: int


def listen(info: AudioInfo, frame_seconds: float, notes: list[str]) -> Mixture:
    """Go through the samples of a recording once, for its level and its channels.

    Raises
    ------
    AvfrontError
        If it is empty, silent, or shorter than a frame.
    """
    survey = audio.survey(info)
    _check_samples(info, survey, notes)
    frame = frame_length(frame_seconds, info.rate)
    if survey.frames < frame:
        raise AvfrontError(
            f"the recording has {survey.frames} sample{'s' if survey.frames > 1 else ''} and is"
            f" shorter than one frame of {1000 * frame / info.rate:.0f} ms",
            file=info.path,
            remedy="give a longer one",
        )
    active = [i for i in range(info.channels) if i not in survey.silent_channels]
    active = active[:1] if survey.identical else active
    gain = 1.0 / float(np.sqrt(np.mean(np.square([survey.rms[i] for i in active]))))
    return Mixture(info, survey, active, gain, frame)


def images(
    plan: Plan, mixture: Mixture, method: Method, dictionaries: "Sequence[Dictionary]", done: Done, stages: Stages
) -> Iterator[npt.NDArray[np.float32]]:
    """The images of all sources, (J, I, samples), of one segment after the other; what was found goes into `done`."""
    import nmfcore

    info, frame, active = mixture.info, mixture.frame, mixture.active
    scene = Scene(
        np.fft.rfftfreq(frame, 1.0 / info.rate).astype(np.float64),
        None if plan.microphones is None else plan.microphones[active],
        assumed=plan.job.array is None and plan.job.mic_distance is None,
    )
    parts = segments.cut(audio.blocks(info), done.spans)
    previous = _earlier(plan, len(active), frame)
    for k in range(len(done.spans)):
        with stages("read"):
            x = next(parts)
        with stages("separate"):

            def share(part: float, k: int = k) -> None:
                stages.share((k + part) / len(done.spans))

            heard = x[active] * np.float32(mixture.gain)
            found = None
            if heard.any():
                found = method.separate(
                    nmfcore.stft(heard, frame),
                    dictionaries,
                    plan.names,
                    scene,
                    seed=plan.job.seed,
                    progress=share,
                    previous=previous,
                )
                following = None if found.model is None else found.model.elsewhere()
                if plan.job.save_model:
                    # One segment's activations are none of another's: of several, what holds for all is kept.
                    done.model = found.model if len(done.spans) == 1 else following
                previous = replace(found, images={}, model=following)
                done.separated.append(replace(previous, model=None))
            done.objective.append([] if found is None else found.objective)
            y = _placed(found, x, plan.names, mixture, method.outputs(info.channels))
            if not np.isfinite(y).all():
                raise AvfrontError(
                    "the model ran into numbers that are not finite",
                    file=info.path,
                    remedy="try another --seed or --method gssm, and please report this recording",
                )
        yield y


def _placed(
    found: Separated | None, x: npt.NDArray[np.float32], names: Sequence[str], mixture: Mixture, channels: int
) -> npt.NDArray[np.float32]:
    """The images (J, I, samples) at the level of the segment x; channels that were not listened to are silent."""
    import nmfcore

    y = np.zeros((len(names), channels, x.shape[1]), np.float32)
    if found is None:
        return y
    active, gain = mixture.active, np.float32(mixture.gain)
    copies = len(active) == 1 and bool((x == x[active]).all())
    at = slice(None) if copies or channels < len(x) else active
    for j, name in enumerate(names):
        y[j, at] = nmfcore.istft(found.images[name], mixture.frame, length=x.shape[1]) / gain
    return y


def _earlier(plan: Plan, channels: int, frame: int) -> Separated | None:
    """What a kept model has to say before the first segment."""
    path = plan.job.load_model
    if path is None:
        return None
    from nmfcore import spatial

    try:
        model, notes = spatial.load(path)
    except ValueError as error:
        raise AvfrontError(
            "this is no model of avfront's", file=path, remedy="give a file that --save-model wrote"
        ) from error
    here = (len(plan.names), frame // 2 + 1, channels, channels)
    if model.sources != plan.names or model.R.shape != here:
        raise AvfrontError(
            f"the model is of {', '.join(model.sources)} in {model.R.shape[-1]} channels with"
            f" {model.R.shape[1]} bins; this recording has {', '.join(plan.names)}, {channels} and {here[1]}",
            file=path,
            remedy="use the same sources in the same order, the same method and rate as when it was saved",
        )
    if notes.get("mixture") != str(plan.info.path.resolve()):
        model = model.elsewhere()
    return Separated({}, [], {}, {}, model=model)


def _check_samples(info: AudioInfo, survey: Survey, notes: list[str]) -> None:
    if survey.frames == 0:
        raise AvfrontError("the file has no samples", file=info.path, remedy="record or export it again")
    if max(survey.peak) < np.finfo(np.float32).tiny:
        raise AvfrontError(
            "the recording is silent (all samples are zero, or next to it)",
            file=info.path,
            remedy="check how it was recorded",
        )
    for channel in survey.silent_channels:
        notes.append(f"{info.path}: channel {channel + 1} is silent; it stays silent in every output.")
    if survey.clipped:
        share = survey.clipped / (survey.frames * info.channels)
        notes.append(
            f"{info.path}: {survey.clipped} samples ({share:.2%}) are clipped, which the sources will"
            " sound like too; record at a lower level."
        )
