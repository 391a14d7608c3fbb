"""What was localized, drawn: boxes in the video with its sound, and frames above the heat of the sound over time."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from avfront import media, overlay
from avfront.extras import extra
from avfront.localization.places import Localized
from avfront.media import Frame, Image, Samples
from avfront.motion.regions import Box
from avfront.proposals import Proposals

_STRIP = 14  # pixels of a class's heat below the picture
_SHOWN = 12  # pictures at most in a row
# BGR: what speaks for the class, and what against it.
_FOR, _AGAINST = np.array([40, 60, 230.0]), np.array([200, 120, 40.0])


def video(
    path: Path,
    found: Sequence[Localized],
    frames: Iterable[Frame],
    sound: Samples,
    rate: int,
    size: tuple[int, int],
    *,
    start: float = 0.0,
) -> None:
    """Write the video with each class's best boxes, the more opaque the surer, and a strip of heat for each class.

    Parameters
    ----------
    path : Path
        Of the mp4.
    found : sequence of Localized
        One for each class.
    frames : iterable of Frame
        All pictures of the clip, their times from its beginning on, of any one size.
    sound : array (I, T)
        Of the clip.
    rate : int
        Of the sound, Hz.
    size : (width, height)
        Of the original picture, to which boxes refer.
    start : float
        Time of the first sample, s.
    """
    length = sound.shape[1] / rate
    heats = [_heat_over(one, length) for one in found]
    drawn = (
        Frame(frame.time, _below(_boxed(frame, found, size), heats, found, frame.time / length)) for frame in frames
    )
    media.write(path, drawn, {"sound": sound}, rate, start=start)


def picture(path: Path, found: Sequence[Localized], proposals: Proposals) -> None:
    """Write, as PNG, for each class a row of pictures with its boxes above the heat of the sound over time."""
    # The object interface: no pyplot, no window system, nothing global.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    count = len(proposals.frames)
    chosen = np.unique(np.linspace(0, count - 1, min(count, _SHOWN)).round().astype(int))
    width = proposals.duration / len(chosen)
    figure = Figure(figsize=(12.0, 2.1 * len(found) + 0.5), dpi=110, facecolor="white", layout="constrained")
    grid = figure.subplots(2 * len(found), 1, squeeze=False, sharex=True, height_ratios=[4, 1] * len(found))[:, 0]
    for row, one in enumerate(found):
        above, below = grid[2 * row : 2 * row + 2]
        for place, k in enumerate(chosen):
            frame = Frame(float(proposals.frame_times[k]), proposals.frames[k][..., ::-1].copy())
            image = _boxed(frame, [one], proposals.size)[..., ::-1]
            # In its part of the row, as wide as it can be.
            above.imshow(image, extent=(place * width, (place + 0.97) * width, 0, 1), aspect="auto")
        above.set(xlim=(0, proposals.duration), ylim=(0, 1), yticks=[])
        above.set_title(one.label, loc="left", fontsize=10, fontweight="bold")
        below.imshow(
            _heat_over(one, proposals.duration)[None],
            extent=(0, proposals.duration, 0, 1),
            aspect="auto",
            cmap="coolwarm",
            vmin=-1,
            vmax=1,
        )
        for begin, end in one.segments:
            below.plot([begin, end], [0.06, 0.06], color="black", lw=2.5, solid_capstyle="butt")
        below.set(yticks=[], ylabel="heard")
    grid[-1].set_xlabel("seconds")
    canvas: Any = FigureCanvasAgg(figure)
    canvas.print_png(str(path))


def _boxed(frame: Frame, found: Sequence[Localized], size: tuple[int, int]) -> Image:
    """The picture with the best box of each class in the nearest picture that was looked at."""
    image = frame.image.copy()
    scale = image.shape[1] / size[0]
    for j, one in enumerate(found):
        best = one.best()
        if not best:
            continue
        row = best[int(np.argmin([abs(one.box_times[k] - frame.time) for k in best]))]
        if abs(one.box_times[row] - frame.time) <= _period(one) / 2 + 1e-6:
            colour = overlay.COLOURS[j % len(overlay.COLOURS)]
            box = Box(*(float(side) for side in one.boxes[row])).scaled(scale)
            overlay.outline(image, box, one.label, colour, opacity=float(one.opacity[row]))
    return image


def _period(one: Localized) -> float:
    """Seconds between the pictures that were looked at."""
    times = np.unique(one.box_times)
    return float(np.diff(times).min()) if len(times) > 1 else np.inf


def _heat_over(one: Localized, seconds: float) -> npt.NDArray[np.float64]:
    """The heat in steps of 50 ms, the mean where windows overlap."""
    at = (np.arange(max(1, round(seconds / 0.05))) + 0.5) * 0.05
    within = (at >= one.heat_times[:, :1]) & (at < one.heat_times[:, 1:])  # (P, steps)
    return np.asarray((one.heat @ within) / np.maximum(within.sum(axis=0), 1))


def _below(image: Image, heats: Sequence[Any], found: Sequence[Localized], now: float) -> Image:
    """The picture with a strip for each class below it, and a line where the time is (0…1)."""
    cv2 = extra("cv2")
    width = image.shape[1]
    strips = []
    for heat, one in zip(heats, found, strict=True):
        along = np.interp(np.linspace(0, 1, width), np.linspace(0, 1, len(heat)), heat)[:, None]
        colours = 30 + np.maximum(along, 0) * _FOR + np.maximum(-along, 0) * 0.6 * _AGAINST
        strip = np.ascontiguousarray(np.broadcast_to(np.clip(colours, 0, 255), (_STRIP, width, 3)), np.uint8)
        cv2.putText(strip, one.label, (3, _STRIP - 4), cv2.FONT_HERSHEY_SIMPLEX, 0.36, (255, 255, 255), 1, cv2.LINE_AA)
        strips.append(strip)
    stack = np.concatenate([image, *strips])
    x = min(round(now * width), width - 1)
    stack[len(image) :, max(x - 1, 0) : x + 1] = 255
    return np.asarray(stack)
