"""Real files of several containers, written on the spot: times, orientation, offset, damage."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from avfront import media
from avfront.errors import AvfrontError

av = pytest.importorskip("av")

WIDTH, HEIGHT, RATE = 64, 48, 8000


def picture(shade: int) -> np.ndarray:
    """Grey, with a white quarter at the upper left, which tells the orientation."""
    image = np.full((HEIGHT, WIDTH, 3), shade, np.uint8)
    image[: HEIGHT // 2, : WIDTH // 2] = 255
    return image


def tone(seconds: float, rate: int = RATE) -> np.ndarray:
    """Rising, so that it is like itself at one place only."""
    t = np.arange(round(seconds * rate)) / rate
    return (0.4 * np.sin(2 * np.pi * (200 + 300 * t) * t)).astype(np.float32)


@pytest.fixture
def film(tmp_path: Path) -> Callable[..., Path]:
    """Writes a file: frames at the times given (s), and sound from `offset` on."""

    def write(
        name: str = "film.mp4",
        video: str | None = "libx264",
        sound: str | None = "aac",
        times: Sequence[float] = tuple(np.arange(25) / 25),
        offset: float = 0.0,
        rate: int = RATE,
        prepare: Callable[[Any], None] = lambda stream: None,
        options: dict[str, str] | None = None,
    ) -> Path:
        path = tmp_path / name
        with av.open(str(path), "w", options=options or {}) as container:
            if video:
                stream = container.add_stream(video, rate=25)
                stream.width, stream.height, stream.pix_fmt = (
                    WIDTH,
                    HEIGHT,
                    "yuvj420p" if video == "mjpeg" else "yuv420p",
                )
                clock = Fraction(1, 25 if video in {"mpeg2video", "mjpeg", "mpeg4"} else 90000)
                stream.codec_context.time_base = stream.time_base = clock
                prepare(stream)
            if sound:
                voice = container.add_stream(sound, rate=rate, layout="mono")
            if video:
                for k, time in enumerate(times):
                    frame = av.VideoFrame.from_ndarray(picture(40 + 5 * (k % 20)), format="bgr24")
                    frame.pts, frame.time_base = round(time / clock), clock
                    container.mux(stream.encode(frame))
                container.mux(stream.encode())
            if sound:
                convert = av.AudioResampler(
                    format=voice.format.name, layout="mono", rate=rate, frame_size=voice.codec_context.frame_size
                )
                frame = av.AudioFrame.from_ndarray(tone(1.0, rate)[None], format="fltp", layout="mono")
                frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), 0
                for part in (*convert.resample(frame), *convert.resample(None)):
                    part.pts += round(offset * rate)
                    container.mux(voice.encode(part))
                container.mux(voice.encode())
        return path

    return write


CONTAINERS = {
    "film.mp4": ("libx264", "aac", 44100),
    "film.mov": ("libx264", "pcm_s16le", 8000),
    "film.mkv": ("mpeg4", "flac", 8000),
    "film.webm": ("libvpx", "libopus", 48000),
    "film.avi": ("mjpeg", "pcm_s16le", 8000),
    "film.mpg": ("mpeg2video", "mp2", 44100),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_containers(film: Callable[..., Path], name: str) -> None:
    video, sound, rate = CONTAINERS[name]
    info = media.probe(film(name, video, sound, rate=rate))
    assert info.video is not None
    assert (info.video.width, info.video.height) == (WIDTH, HEIGHT)
    assert info.sound is not None
    assert (info.sound.rate, info.sound.channels) == (rate, 1)
    seen = list(media.frames(info))
    np.testing.assert_allclose(np.diff([frame.time for frame in seen]), 1 / 25, atol=1e-3)
    assert len(seen) in (24, 25)  # MPEG-2 in a program stream may keep its last frame
    assert seen[0].image[: HEIGHT // 2 - 4, : WIDTH // 2 - 4].mean() > 230
    assert seen[0].image[HEIGHT // 2 + 4 :].mean() < 80
    heard = media.read_sound(info)[0]
    expected = tone(1.0, rate)
    shift = np.correlate(heard[: rate // 2], expected[: rate // 4], "valid").argmax()
    assert shift < 0.06 * rate
    assert abs(len(heard) / rate - 1) < 0.1
    assert np.abs(heard[shift + rate // 8 : shift + rate // 4] - expected[rate // 8 : rate // 4]).max() < 0.1


def test_variable_rate_and_missing_frames(film: Callable[..., Path]) -> None:
    times = [0.0, 0.04, 0.1, 0.11, 0.4, 0.41, 0.8]
    found = [frame.time for frame in media.frames(media.probe(film(times=times)))]
    np.testing.assert_allclose(found, times, atol=1e-3)


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv"])
def test_offset_of_the_sound(film: Callable[..., Path], name: str) -> None:
    info = media.probe(film(name, offset=0.25, rate=44100))
    assert info.offset == pytest.approx(0.25, abs=0.03)  # an encoder's lead-in is part of the stream


ORIENTATIONS = [
    (90, False, False),
    (180, False, False),
    (270, False, False),
    (0, True, False),
    (0, False, True),
    (90, True, False),
]


@pytest.mark.parametrize(("degrees", "hflip", "vflip"), ORIENTATIONS)
def test_orientation(film: Callable[..., Path], degrees: int, hflip: bool, vflip: bool) -> None:
    path = film(prepare=lambda stream: stream.set_display_rotation(degrees, hflip=hflip, vflip=vflip))
    info = media.probe(path)
    expected = np.rot90(picture(40), degrees // 90)  # counter-clockwise, both
    mirrored = expected[:: -1 if vflip else 1, :: -1 if hflip else 1]
    assert info.video is not None
    assert (info.video.height, info.video.width) == mirrored.shape[:2]
    first = next(media.frames(info)).image
    alternative = np.rot90(picture(40)[:: -1 if vflip else 1, :: -1 if hflip else 1], degrees // 90)
    # Mirrored and turned by a quarter: FFmpeg mirrors after turning.
    assert np.abs(first.astype(int) - mirrored).mean() < 12 or np.abs(first.astype(int) - alternative).mean() < 12


def test_scaling_and_grey(film: Callable[..., Path]) -> None:
    info = media.probe(film())
    assert next(media.frames(info, largest=32, grey=True)).image.shape == (24, 32)
    assert next(media.frames(info, largest=1000)).image.shape == (HEIGHT, WIDTH, 3)


def test_streams_are_not_read_ahead(film: Callable[..., Path]) -> None:
    """A frame is decoded when it is asked for: the file may vanish from the folder without being read to its end."""
    stream = media.frames(media.probe(film("film.mkv", "mpeg4", "flac")))
    assert next(stream).time == 0.0
    stream.close()


def sentence(path: Path, use: Callable[[media.MediaInfo], Any] = lambda info: None) -> str:
    with pytest.raises(AvfrontError) as caught:
        use(media.probe(path))
    text = str(caught.value)
    assert "; " in text
    assert text.endswith(".")
    return text


def test_what_is_no_video(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("no video" * 100)
    assert "no such file" in sentence(tmp_path / "none.mp4")
    assert "folder" in sentence(tmp_path)
    assert "empty" in sentence(tmp_path / "empty.mp4")
    assert "not a readable video" in sentence(tmp_path / "text.mp4")


def test_missing_streams(film: Callable[..., Path]) -> None:
    assert "no sound" in sentence(film("mute.mp4", sound=None), media.needs)
    assert "no pictures" in sentence(film("blind.mp4", video=None, rate=44100), media.needs)
    assert "no sound" in sentence(film("mute.mp4", sound=None), media.read_sound)
    assert "no pictures" in sentence(film("blind.mp4", video=None, rate=44100), lambda info: list(media.frames(info)))


def test_truncated_before_the_index(film: Callable[..., Path]) -> None:
    path = film()
    path.write_bytes(path.read_bytes()[:-500])
    assert "damaged" in sentence(path)


@pytest.mark.parametrize("use", [lambda info: list(media.frames(info)), media.read_sound])
def test_truncated_behind_the_index(film: Callable[..., Path], use: Callable[[media.MediaInfo], Any]) -> None:
    path = film(times=np.arange(75) / 25, rate=44100, options={"movflags": "faststart"})
    whole = path.read_bytes()
    begin = whole.index(b"mdat")
    path.write_bytes(whole[: begin + (len(whole) - begin) // 5])
    assert "cut off" in sentence(path, use)


@pytest.mark.parametrize(
    ("name", "video", "sound"), [("film.mkv", "mpeg4", "flac"), ("film.avi", "mjpeg", "pcm_s16le")]
)
def test_a_sound_shorter_than_the_pictures_is_no_damage(
    film: Callable[..., Path], name: str, video: str, sound: str
) -> None:
    """These containers tell how long the file is, and not how long each of its streams."""
    path = film(name, video, sound, times=np.arange(75) / 25)
    info = media.probe(path)
    assert media.read_sound(info).shape[1] == pytest.approx(RATE, abs=0.1 * RATE)
    assert len(list(media.frames(info))) == 75
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(AvfrontError, match="cut off"):
        list(media.frames(info))


def test_a_damaged_packet_costs_its_frames_only(film: Callable[..., Path]) -> None:
    path = film("film.avi", "mjpeg", "pcm_s16le")
    data = bytearray(path.read_bytes())
    second = data.index(b"00dc", data.index(b"movi") + 2000) + 40
    data[second : second + 300] = bytes(300)
    path.write_bytes(data)
    assert 20 <= len(list(media.frames(media.probe(path)))) <= 25


@pytest.mark.parametrize(("tag", "name"), [(b"avc1", b"drmi"), (b"mp4a", b"drms")])
def test_protected(film: Callable[..., Path], tag: bytes, name: bytes) -> None:
    path = film(rate=44100)
    data = path.read_bytes()
    begin = data.index(b"stsd", data.index(b"vmhd" if tag == b"avc1" else b"smhd"))
    at = data.index(tag, begin)
    path.write_bytes(data[:at] + name + data[at + 4 :])
    assert "DRM" in sentence(path)


def test_recordings(data: Path) -> None:
    """Every real video: times advance, the sound's length agrees with the header."""
    for path in sorted((data / "video").glob("*.m*")):
        info = media.probe(path)
        _, heard = media.needs(info)
        times = [frame.time for frame in media.frames(info, largest=160, grey=True)]
        assert (np.diff(times) > 0).all()
        assert media.read_sound(info).shape[1] / heard.rate == pytest.approx(heard.seconds, abs=0.1)


def test_absence_of_the_extra_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "av", None)
    assert "pip install 'nmfcore[av]'" in sentence(tmp_path)
