"""One HTML page of a finished job, with all that it shows inside: sounds to play, and pictures of how it went."""

import base64
import html
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from avfront import audio, pictures
from avfront.errors import AvfrontError
from avfront.job import MAP, MIXTURE, PICTURE, REPORT

LONGEST_SECONDS = 300.0  # of a recording that go into the page
MOST_EXAMPLES = 30  # of a source that are drawn
_MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_REMEDY = "give the folder that avfront separate wrote with -o"
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem }
table { border-collapse: collapse } th, td { text-align: left; padding: .25rem 1.25rem .25rem 0 }
img { max-width: 100% } audio { width: 22rem; max-width: 60vw } .note { color: #666; font-size: .9rem }
"""


def write(folder: Path, path: Path, *, force: bool = False) -> Path:
    """Write the page of what a separation, by examples or by motion, has left in a folder.

    Sounds are embedded as MP3, pictures as PNG: the page needs no other file and no network.

    Parameters
    ----------
    folder : Path
        With report.json and the sounds that it names.
    path : Path
        The page; its folder has to be there.
    force : bool
        Whether a page that is there already may be replaced.

    Raises
    ------
    AvfrontError
        If the folder holds no finished job, or the page cannot be written.
    """
    content = _read(folder)
    if path.exists() and not force:
        raise AvfrontError("the page is already there", file=path, remedy="add --force to replace it")
    try:
        page = build(content, folder)
    except (ValueError, KeyError, TypeError, AttributeError) as error:  # written by something else, or by hand
        raise AvfrontError("this is no report of a separation", file=folder / REPORT, remedy=_REMEDY) from error
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(page, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise AvfrontError(
            f"the page cannot be written ({error.strerror})", file=path, remedy="choose another file with -o"
        ) from error
    return path


def build(content: dict[str, Any], folder: Path) -> str:
    """The page of a report whose files lie in a folder."""
    facts = content["mixture"]
    title = html.escape(Path(facts["path"]).name)
    channels = "1 channel" if facts["channels"] == 1 else f"{facts['channels']} channels"
    about = (
        f"{facts['seconds']:.1f} s, {channels}, {facts['rate'] / 1000:g} kHz; {content['method']},"
        f" {content['timings']['total']:.1f} s of work"
    )
    files = {source["name"]: folder / source["file"] for source in content["sources"]}
    by_motion = "motion" in content
    mixture = folder / MIXTURE if by_motion else Path(facts["path"])
    listed = ({"mixture": mixture} if mixture.exists() else {}) | files
    parts = [f"<h1>{title}</h1><p>{html.escape(about)}</p>", _sounds(content, listed)]
    parts.append(_figure("Before and after", _spectrograms(folder, listed), "Spectrograms on one scale."))
    if by_motion and (folder / MAP).exists():
        said = "Which motion makes which sound, over the first frame; overlay.mp4 shows it in motion."
        parts.append(_figure("Where the sounds come from", _uri("image/png", (folder / MAP).read_bytes()), said))
    spectra = {s["name"]: s["spatial_spectrum"] for s in content["sources"] if s.get("spatial_spectrum")}
    if spectra:
        said = "Share of each spatial covariance in each direction of the array's plane; 1 is a plane wave from there."
        parts.append(_figure("Directions", _polar(spectra), said))
    used = [s for s in content["sources"] if s.get("example_activity")]
    if used:
        said = "Which examples were used when: activations of their spectral patterns."
        parts.append(_figure("Examples", _activity(used, facts["seconds"]), said))
    if not by_motion and any(content["objective"]["history"]):
        said = "One line per segment." if len(content["segments"]) > 1 else ""
        parts.append(_figure("Convergence", _convergence(content["objective"]), said))
    if content["warnings"]:
        notes = "".join(f"<li>{html.escape(one)}</li>" for one in content["warnings"])
        parts.append(f"<h2>Notes</h2><ul>{notes}</ul>")
    settings = html.escape(json.dumps(content["settings"], indent=2))
    parts.append(f"<details><summary>Settings</summary><pre>{settings}</pre></details>")
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>'
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}<style>{_STYLE}</style></head>\n<body>\n{body}\n</body></html>\n'
    )


def _read(folder: Path) -> dict[str, Any]:
    path = folder / REPORT
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        files = [folder / source["file"] for source in content["sources"]]
    except OSError as error:
        raise AvfrontError(f"there is no {REPORT}", file=folder, remedy=_REMEDY) from error
    except (ValueError, KeyError, TypeError) as error:
        raise AvfrontError("this is no report of a separation", file=path, remedy=_REMEDY) from error
    for file in files:
        if not file.exists():
            raise AvfrontError("a sound of the report is missing", file=file, remedy="separate the recording again")
    return content


def _sounds(content: dict[str, Any], files: dict[str, Path]) -> str:
    """A table of players, with level and, where known, scores."""
    about = {source["name"]: source for source in content["sources"]}
    rows = []
    for name, path in files.items():
        told = [] if name not in about else [about[name].get("spatial_start") or ""]
        level = about.get(name, {}).get("level_db")
        score = ((content.get("scores") or {}).get(name) or {}).get("separated") or {}
        sdr = score.get("SDR")
        cells = [
            f"<th>{html.escape(name)}</th>",
            f'<td><audio controls preload="none" src="{_mp3(path)}"></audio></td>',
            f"<td>{'' if level is None else f'{level:+.1f} dB'}</td>",
            f"<td>{'' if sdr is None else f'SDR {sdr:.1f} dB'}</td>",
            f'<td class="note">{html.escape("".join(told))}</td>',
        ]
        rows.append(f"<tr>{''.join(cells)}</tr>")
    cut = content["mixture"]["seconds"] > LONGEST_SECONDS
    notes = [f"The first {LONGEST_SECONDS:.0f} seconds of each."] if cut else []
    if "mixture" not in files:
        notes.append(f"The mixture was {content['mixture']['path']}, which is not there from here.")
    said = "".join(f'<p class="note">{html.escape(note)}</p>' for note in notes)
    return f"<h2>Sounds</h2><table>{''.join(rows)}</table>{said}"


def _mp3(path: Path) -> str:
    """A sound as a data URI; the first two channels of many."""
    import soundfile

    info = audio.probe(path)
    samples = audio.read(info, seconds=LONGEST_SECONDS)[:2]
    rate = min((one for one in _MP3_RATES if one >= info.rate), default=_MP3_RATES[-1])
    samples = audio.resample(samples, info.rate, rate)
    held = io.BytesIO()
    soundfile.write(held, np.clip(samples.T, -1, 1), rate, format="MP3")
    return _uri("audio/mpeg", held.getvalue())


def _spectrograms(folder: Path, files: dict[str, Path]) -> str:
    path = folder / PICTURE
    if path.exists():
        return _uri("image/png", path.read_bytes())
    held = io.BytesIO()
    pictures.spectrograms(files, held)
    return _uri("image/png", held.getvalue())


def _polar(spectra: dict[str, dict[str, list[float]]]) -> str:
    figure = _new_figure(6.0, 4.2)
    axes = figure.add_subplot(projection="polar")
    for name, one in spectra.items():
        angle = np.radians([*one["azimuth_deg"], one["azimuth_deg"][0]])
        axes.plot(angle, [*one["value"], one["value"][0]], label=name, lw=1.8)
    axes.set_ylim(0, 1)
    axes.legend(loc="center left", bbox_to_anchor=(1.1, 0.5), frameon=False)
    return _png(figure)


def _activity(sources: Sequence[dict[str, Any]], seconds: float) -> str:
    heights = [min(len(source["example_activity"]), MOST_EXAMPLES) for source in sources]
    figure = _new_figure(10.0, 0.9 * len(sources) + 0.28 * sum(heights))
    panels = figure.subplots(len(sources), 1, height_ratios=heights, sharex=True, squeeze=False)[:, 0]
    for axes, source in zip(panels, sources, strict=True):
        rows = np.array(source["example_activity"])
        names = [Path(example["path"]).name for example in source["examples"]]
        shares = rows.sum(axis=1) / max(float(rows.sum()), 1e-300)
        title = source["name"]
        if len(rows) > MOST_EXAMPLES:
            title += f": the {MOST_EXAMPLES} of {len(rows)} examples that were used most"
            most = np.sort(np.argsort(-shares, kind="stable")[:MOST_EXAMPLES])
            rows, names, shares = rows[most], [names[k] for k in most], shares[most]
        axes.imshow(
            rows,
            aspect="auto",
            vmin=0,
            vmax=float(rows.max()) or 1.0,
            cmap="magma",
            extent=(0, seconds, len(rows), 0),
            interpolation="nearest",
        )
        axes.set_yticks(np.arange(len(rows)) + 0.5, [f"{n}  {s:.0%}" for n, s in zip(names, shares, strict=True)])
        axes.set_title(title, loc="left", fontsize=10)
        axes.tick_params(labelsize=8)
    panels[-1].set_xlabel("seconds", fontsize=9)
    return _png(figure)


def _convergence(objective: dict[str, Any]) -> str:
    figure = _new_figure(8.0, 3.2)
    axes = figure.add_subplot()
    for history in objective["history"]:
        axes.plot(np.arange(1, len(history) + 1), history, lw=1.5)
    axes.set_xlabel("iteration", fontsize=9)
    axes.set_ylabel(objective["quantity"], fontsize=9)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    return _png(figure)


def _figure(title: str, source: str, caption: str) -> str:
    return f'<h2>{title}</h2><img alt="{title}" src="{source}"><p class="note">{html.escape(caption)}</p>'


def _new_figure(width: float, height: float) -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=110, layout="constrained")


def _png(figure: Any) -> str:
    held = io.BytesIO()
    figure.savefig(held, format="png")
    return _uri("image/png", held.getvalue())


def _uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
