"""Spectrograms of the mixture and its sources, one above the other, on one colour scale."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from avfront import audio

Array = npt.NDArray[np.floating[Any]]

RANGE_DB = 60.0  # from the top of the scale down; what lies deeper is black
TOP_SHARE = 0.9995  # of the mixture lies below the top of the scale: one click does not darken everything
COLUMNS = 1100  # at most, about the width of a panel in pixels
_FRAME_SECONDS = 0.032
_TEXT = "#444444"


def levels(info: audio.AudioInfo, *, columns: int = COLUMNS) -> tuple[Array, float]:
    """Power spectrogram (F, at most `columns`) of a recording of any length, read a block at a time.

    Channels are averaged; where there are more frames than columns, neighbouring frames are averaged too, so
    that nothing is skipped in a long recording.

    Returns
    -------
    power : array (F, columns)
        Full scale sine: about 1.
    seconds : float
        Length of the recording that the columns cover.
    """
    frame = max(64, 2 * round(_FRAME_SECONDS * info.rate / 2))
    frames = max(1, math.ceil(info.frames / (frame // 2)))
    per_column = max(1, math.ceil(frames / columns))
    hop = frame // 2
    window = np.hanning(frame + 1)[:-1].astype(np.float32)
    stretch = hop * per_column  # samples per column
    batch = max(1, (1 << 17) // stretch)  # columns at a time
    found: list[Array] = []
    held = np.zeros((info.channels, 0), np.float32)
    total = 0

    def emit(samples: Array, count: int) -> None:
        # (I, columns * per_column, frame): each frame starts in its column and may reach into the next one.
        cut = np.lib.stride_tricks.sliding_window_view(samples, frame, axis=-1)[:, ::hop][:, : count * per_column]
        spectra = np.square(np.abs(np.fft.rfft(cut * window, axis=-1))).mean(axis=0)
        found.append(spectra.reshape(count, per_column, -1).mean(axis=1).T)

    for block in audio.blocks(info):
        total += block.shape[1]
        held = np.concatenate([held, block], axis=1)
        while held.shape[1] >= batch * stretch + frame:
            emit(held, batch)
            held = held[:, batch * stretch :]
    last = max(1, math.ceil(held.shape[1] / stretch))
    emit(np.pad(held, ((0, 0), (0, last * stretch + frame - held.shape[1]))), last)
    power = np.concatenate(found, axis=1) / float(np.square(window.sum() / 2))
    return power, total / info.rate


def spectrograms(files: Mapping[str, Path], path: Path | BinaryIO) -> None:
    """Draw the spectrograms of several recordings as a PNG; the first one sets the colour scale.

    Parameters
    ----------
    files : mapping of title to Path
        From top to bottom; usually ``"mixture"`` and the sources.
    path : Path or binary file
        Where to write.
    """
    # The object interface: no pyplot, no window system, nothing global.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    pictures = {title: levels(audio.probe(file)) for title, file in files.items()}
    rates = {title: audio.probe(file).rate for title, file in files.items()}
    first = next(iter(pictures.values()))[0]
    top = float(10 * np.log10(max(float(np.quantile(first, TOP_SHARE)), float(first.max()) * 1e-3, 1e-30)))
    bottom = top - RANGE_DB

    panel, gap, head, foot = 1.75, 0.36, 0.42, 0.52  # inches
    height = head + foot + len(pictures) * panel + (len(pictures) - 1) * gap
    figure = Figure(figsize=(10.0, height), dpi=120, facecolor="white")
    canvas: Any = FigureCanvasAgg(figure)
    left, width = 0.62 / 10.0, (10.0 - 0.62 - 1.05) / 10.0
    image: Any = None
    for row, (title, (power, seconds)) in enumerate(pictures.items()):
        below = foot + (len(pictures) - 1 - row) * (panel + gap)
        axes = figure.add_axes((left, below / height, width, panel / height))
        image = _panel(axes, title, power, seconds, rates[title], bottom)
        axes.tick_params(labelbottom=row == len(pictures) - 1)
        if row == len(pictures) - 1:
            axes.set_xlabel("seconds", fontsize=9, color=_TEXT)
    bar_height = min(height - head - foot, 2 * panel + gap)
    bar = figure.add_axes((left + width + 0.018, (height - head - bar_height) / height, 0.014, bar_height / height))
    scale = figure.colorbar(image, cax=bar)
    scale.outline.set_visible(False)
    scale.set_ticks([tick for tick in range(-240, 241, 10) if bottom <= tick <= top])
    scale.ax.tick_params(labelsize=8.5, colors=_TEXT, length=3)
    scale.ax.set_title("dB", fontsize=9, color=_TEXT, pad=5)
    canvas.print_png(str(path) if isinstance(path, Path) else path)


def _panel(axes: Any, title: str, power: Array, seconds: float, rate: int, bottom: float) -> Any:
    """Draw one spectrogram, from `bottom` dB on; returns what a colour bar needs."""
    from matplotlib.ticker import MaxNLocator

    decibels = 10 * np.log10(np.maximum(power, 10 ** (bottom / 10 - 1)))
    image = axes.imshow(
        decibels,
        origin="lower",
        aspect="auto",
        extent=(0.0, seconds, 0.0, rate / 2000),
        vmin=bottom,
        vmax=bottom + RANGE_DB,
        cmap="magma",
        interpolation="antialiased",
        interpolation_stage="data",
    )
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold", pad=4, color="#222222")
    axes.set_ylabel("kHz", fontsize=9, color=_TEXT)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=rate >= 8000))
    axes.tick_params(labelsize=8.5, colors=_TEXT, length=3)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return image
