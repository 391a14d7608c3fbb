"""The options of `avfront separate`, by the panels of its help."""

from pathlib import Path
from typing import Annotated

import typer

from avfront.cli.options import LIMITS, OUT

MODEL, ROOM, MOTION = "Model", "Microphones", "Motion"

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
    typer.Option(
        metavar="NAME",
        help="**spatial**: by spectra and by where the sound comes from; default from 2"
        " channels on. **gssm**: by spectra alone; default for mono. By motion: **regression** (default for"
        " videos), **soft-coupled** (default with --mocap), **mel**, **motion-init**, **motion-cluster**.",
        rich_help_panel=MODEL,
    ),
]
VarianceModel = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Of spatial: **joint** (default); as published **separation**, **denoising**, and, without"
        " examples, **nmf**, **free**.",
        rich_help_panel=MODEL,
    ),
]
Components = Annotated[
    str | None,
    typer.Option(
        metavar="K",
        help="Spectral patterns per example: 32 or, by source, speech=32,noise=16. Default 32;"
        " with spatial 16 for a source named noise. By motion: per object, default 15 or 4.",
        rich_help_panel=MODEL,
    ),
]
Adaptive = Annotated[
    str | None,
    typer.Option(
        metavar="NAME=K",
        help="Of spatial: spectral patterns learned from MIX itself, for a source that may"
        " sound unlike its examples. Default noise=8; 0 for none.",
        rich_help_panel=MODEL,
    ),
]
Covariance = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Of spatial: **full**, **diagonal** (a smaller model, faster beyond 8 channels), or **auto**"
        " (default): full, beyond 4 channels from where diagonal ends.",
        rich_help_panel=MODEL,
    ),
]
Sparsity = Annotated[
    float | None,
    typer.Option(
        metavar="LAMBDA",
        min=0.0,
        help="Use few examples: weight of group sparsity. Default 0 (joint), 10 (published).",
        rich_help_panel=MODEL,
    ),
]
Groups = Annotated[
    str | None,
    typer.Option(
        metavar="KIND",
        help="Of spatial's sparsity: **mixed** (default), **block** (whole examples), **component**.",
        rich_help_panel=MODEL,
    ),
]
Fits = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        help="Of spatial: fits with other dictionaries that are averaged; 1 is the fastest. Default 3 up to 2"
        " channels, else 1.",
        rich_help_panel=MODEL,
    ),
]
Iterations = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        help="Default 40 (spatial; published models 15), 100 (gssm), 200 (regression), 100 (others by motion).",
        rich_help_panel=MODEL,
    ),
]
Seed = Annotated[
    int,
    typer.Option(metavar="N", min=0, help="The same seed gives the same files.", rich_help_panel=MODEL),
]
LoadModel = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Begin from a kept model, of this or another recording.", rich_help_panel=MODEL),
]

Motion = Annotated[
    bool,
    typer.Option(
        "--motion",
        metavar="",
        help="MIX is a video: separate what is seen to move. Writes object1.wav, ..., overlay.mp4.",
        rich_help_panel=MOTION,
    ),
]
Boxes = Annotated[
    list[str] | None,
    typer.Option(
        "--boxes",
        metavar="X,Y,W,H",
        help="Around each object in the first frame, in pixels. Without: moving regions are looked for.",
        rich_help_panel=MOTION,
    ),
]
Objects = Annotated[
    int | None,
    typer.Option(metavar="J", min=1, help="How many objects to look for.", rich_help_panel=MOTION),
]
Mocap = Annotated[
    list[str] | None,
    typer.Option(
        "--mocap",
        metavar="NAME=TABLE",
        help="Motion capture of each source (CSV, TSV), in place of pictures; MIX may be a sound file.",
        rich_help_panel=MOTION,
    ),
]
MocapRate = Annotated[
    float | None,
    typer.Option(metavar="HZ", min=1e-3, help="Rows per second of tables that do not tell.", rich_help_panel=MOTION),
]
Estimator = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Of regression: **timbre** (default), **ls**, **spls** or **joint**.",
        rich_help_panel=MOTION,
    ),
]
Restarts = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="Random starts; the best is kept. Default 5.", rich_help_panel=MOTION),
]
Delay = Annotated[
    float | None,
    typer.Option(metavar="SECONDS", help="By which the picture is late. Default: estimated.", rich_help_panel=MOTION),
]
Overlay = Annotated[
    bool, typer.Option("--overlay/--no-overlay", metavar="", help="Write overlay.mp4.", rich_help_panel=MOTION)
]

MicDistance = Annotated[
    float | None,
    typer.Option(
        metavar="METRES",
        help="From one microphone to the next, on a line. Stereo without it: for --doa and the picture, 0.086.",
        rich_help_panel=ROOM,
    ),
]
Array = Annotated[
    Path | None,
    typer.Option(
        metavar="JSON",
        help="Positions in metres, one per channel: [[x, y, z], ...].",
        rich_help_panel=ROOM,
    ),
]
Doa = Annotated[
    list[str] | None,
    typer.Option(
        "--doa",
        metavar="NAME=DEGREES",
        help="Where a source is: azimuth from the array's x axis to its y axis, or azimuth:elevation."
        " Found by itself where it is not given.",
        rich_help_panel=ROOM,
    ),
]
Start = Annotated[
    str | None,
    typer.Option(
        metavar="KIND",
        help="Spatial covariances to begin with: **directions** (needs the geometry), **paths** (from each source"
        " to the microphones, measured), **weights** (where its spectra dominate), **clusters**. Default: by what"
        " is known.",
        rich_help_panel=ROOM,
    ),
]

Beam = Annotated[
    str | None,
    typer.Option(
        metavar="KIND",
        help="Sources as one channel, by a beam: **mvdr** or **rank1**. They do not add up to MIX.",
        rich_help_panel=OUT,
    ),
]
SaveModel = Annotated[
    bool,
    typer.Option(
        "--save-model",
        metavar="",
        help="Keep the fitted model for --load-model: model.safetensors. Of a recording in blocks it is where the"
        " sources were at the end, and their patterns.",
        rich_help_panel=OUT,
    ),
]
Reference = Annotated[
    list[str] | None,
    typer.Option(
        "--reference",
        metavar="NAME=FILE",
        help="The true sound of a source at all microphones: adds SDR, ISR, SIR, SAR.",
        rich_help_panel=OUT,
    ),
]
Picture = Annotated[
    bool,
    typer.Option("--picture/--no-picture", metavar="", help="Draw spectrogram.png and the like.", rich_help_panel=OUT),
]

Segment = Annotated[
    float | None,
    typer.Option(
        "--blocks",
        "--segment",
        metavar="SECONDS",
        min=0.0,
        help="Longer recordings are separated in overlapping blocks; 0: as a whole. Default 60.",
        rich_help_panel=LIMITS,
    ),
]
ExampleSeconds = Annotated[
    float | None,
    typer.Option(
        "--examples",
        metavar="SECONDS",
        min=0.1,
        help="Use that much of an example. Default 60.",
        rich_help_panel=LIMITS,
    ),
]
Memory = Annotated[
    float | None,
    typer.Option(metavar="GB", min=0.0, help="Default: half of the machine's.", rich_help_panel=LIMITS),
]
