"""The options of `avfront separate`, by the panels of its help."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from avfront.cli.options import LIMITS, OUT

_model = partial(typer.Option, rich_help_panel="Model")
_motion = partial(typer.Option, rich_help_panel="Motion")
_room = partial(typer.Option, rich_help_panel="Microphones")
_output = partial(typer.Option, rich_help_panel=OUT)
_limit = partial(typer.Option, rich_help_panel=LIMITS)

Mix = Annotated[
    list[Path],
    typer.Argument(
        metavar="MIX",
        help="The recording: wav, flac, ogg, mp3, ...; with --motion a video. Of several recordings, each has its"
        " folder in FOLDER.",
    ),
]
Output = Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where NAME.wav and the report go.")]
Sources = Annotated[
    list[str] | None,
    typer.Option(
        "--sources",
        metavar="NAME=FILES",
        help="What is to be heard in MIX, and examples of it: NAME=file,file,folder (with all"
        " that is in it). Several in a row, or the option again.",
    ),
]
Background = Annotated[
    int | None,
    typer.Option(
        metavar="K",
        min=0,
        help="Add background.wav for what has no examples: K free spectral patterns. Default 0,"
        " but 10 for a single source.",
    ),
]

Method = Annotated[
    str | None,
    _model(
        metavar="NAME",
        help="**spatial**: by spectra and by where the sound comes from; default from 2"
        " channels on. **gssm**: by spectra alone; default for mono. By motion: **regression** (default for"
        " videos), **soft-coupled** (default with --mocap), **mel**, **motion-init**, **motion-cluster**.",
    ),
]
VarianceModel = Annotated[
    str | None,
    _model(
        metavar="NAME",
        help="Of spatial: **joint** (default); as published **separation**, **denoising**, and, without"
        " examples, **nmf**, **free**.",
    ),
]
Components = Annotated[
    str | None,
    _model(
        metavar="K",
        help="Spectral patterns per example: 32 or, by source, speech=32,noise=16. Default 32;"
        " with spatial 16 for a source named noise. By motion: per object, default 15 or 4.",
    ),
]
Adaptive = Annotated[
    str | None,
    _model(
        metavar="NAME=K",
        help="Of spatial: spectral patterns learned from MIX itself, for a source that may"
        " sound unlike its examples. Default noise=8; 0 for none.",
    ),
]
Covariance = Annotated[
    str | None,
    _model(
        metavar="NAME",
        help="Of spatial: **full**, **diagonal** (a smaller model, faster beyond 8 channels), or **auto**"
        " (default): full, beyond 4 channels from where diagonal ends.",
    ),
]
Sparsity = Annotated[
    float | None,
    _model(
        metavar="LAMBDA",
        min=0.0,
        help="Use few examples: weight of group sparsity. Default 0 (joint), 10 (published), 0.0001 (gssm).",
    ),
]
Groups = Annotated[
    str | None,
    _model(
        metavar="KIND", help="Of spatial's sparsity: **mixed** (default), **block** (whole examples), **component**."
    ),
]
Fits = Annotated[
    int | None,
    _model(
        metavar="N",
        min=1,
        help="Of spatial: fits with other dictionaries that are averaged; 1 is the fastest. Default 3 up to 2"
        " channels, else 1.",
    ),
]
Iterations = Annotated[
    int | None,
    _model(
        metavar="N",
        min=1,
        help="Default 40 (spatial; published models 15), 100 (gssm), 200 (regression), 100 (others by motion).",
    ),
]
Seed = Annotated[int, _model(metavar="N", min=0, help="The same seed gives the same files.")]
LoadModel = Annotated[
    Path | None, _model(metavar="FILE", help="Begin from a kept model, of this or another recording.")
]

Motion = Annotated[
    bool,
    _motion(
        "--motion",
        metavar="",
        help="MIX is a video: separate what is seen to move. Writes object1.wav, ..., overlay.mp4.",
    ),
]
Boxes = Annotated[
    list[str] | None,
    _motion(
        "--boxes",
        metavar="X,Y,W,H",
        help="Around each object in the first frame, in pixels. Without: moving regions are looked for.",
    ),
]
Objects = Annotated[int | None, _motion(metavar="J", min=1, help="How many objects to look for.")]
Mocap = Annotated[
    list[str] | None,
    _motion(
        "--mocap",
        metavar="NAME=TABLE",
        help="Motion capture of each source (CSV, TSV), in place of pictures; MIX may be a sound file.",
    ),
]
MocapRate = Annotated[float | None, _motion(metavar="HZ", min=1e-3, help="Rows per second of tables that do not tell.")]
Estimator = Annotated[
    str | None, _motion(metavar="NAME", help="Of regression: **timbre** (default), **ls**, **spls** or **joint**.")
]
Restarts = Annotated[int | None, _motion(metavar="N", min=1, help="Random starts; the best is kept. Default 5.")]
Delay = Annotated[float | None, _motion(metavar="SECONDS", help="By which the picture is late. Default: estimated.")]
Overlay = Annotated[bool, _motion("--overlay/--no-overlay", metavar="", help="Write overlay.mp4.")]

MicDistance = Annotated[
    float | None,
    _room(
        metavar="METRES",
        help="From one microphone to the next, on a line. Stereo without it: for --doa and the picture, 0.086.",
    ),
]
Array = Annotated[Path | None, _room(metavar="JSON", help="Positions in metres, one per channel: [[x, y, z], ...].")]
Doa = Annotated[
    list[str] | None,
    _room(
        "--doa",
        metavar="NAME=DEGREES",
        help="Where a source is: azimuth from the array's x axis to its y axis, or azimuth:elevation."
        " Found by itself where it is not given.",
    ),
]
Start = Annotated[
    str | None,
    _room(
        metavar="KIND",
        help="Spatial covariances to begin with: **directions** (needs the geometry), **paths** (from each source"
        " to the microphones, measured), **weights** (where its spectra dominate), **clusters**. Default: by what"
        " is known.",
    ),
]

Beam = Annotated[
    str | None,
    _output(
        metavar="KIND", help="Sources as one channel, by a beam: **mvdr** or **rank1**. They do not add up to MIX."
    ),
]
SaveModel = Annotated[
    bool,
    _output(
        "--save-model",
        metavar="",
        help="Keep the fitted model for --load-model: model.safetensors. Of a recording in blocks it is where the"
        " sources were at the end, and their patterns.",
    ),
]
Reference = Annotated[
    list[str] | None,
    _output(
        "--reference",
        metavar="NAME=FILE",
        help="The true sound of a source at all microphones: adds SDR, ISR, SIR, SAR.",
    ),
]
Picture = Annotated[bool, _output("--picture/--no-picture", metavar="", help="Draw spectrogram.png and the like.")]

Segment = Annotated[
    float | None,
    _limit(
        "--blocks",
        "--segment",
        metavar="SECONDS",
        min=0.0,
        help="Longer recordings are separated in overlapping blocks; 0: as a whole. Default 60.",
    ),
]
ExampleSeconds = Annotated[
    float | None, _limit("--examples", metavar="SECONDS", min=0.1, help="Use that much of an example. Default 60.")
]
Memory = Annotated[float | None, _limit(metavar="GB", min=0.0, help="Default: half of the machine's.")]
