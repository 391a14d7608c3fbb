"""The page of a finished job."""

import base64
import io
import json
import re
import struct
from html.parser import HTMLParser

import numpy as np
import pytest
import soundfile

from avfront.page import MOST_EXAMPLES


class Tags(HTMLParser):
    """Every tag with its attributes; complains about what is not closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.found if name == tag]


@pytest.fixture
def done(separate, tmp_path):
    """A job with everything that a page can show, in tmp_path / out."""
    result = separate("-o", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    return tmp_path / "out"


def test_the_page_holds_sounds_and_pictures(avfront, done, sounds):
    result = avfront("report", done)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.strip() == str(done / "report.html")
    page = (done / "report.html").read_text(encoding="utf-8")
    tags = Tags(page)
    assert tags.open == []
    assert not re.search(r'(src|href)="(?!data:)', page), "the page is not self-contained"
    players = tags.of("audio")
    assert len(players) == 3
    for player, expected in zip(players, (sounds.mix, done / "speech.wav", done / "noise.wav"), strict=True):
        kind, _, data = player["src"].partition(";base64,")
        assert kind == "data:audio/mpeg"
        heard, rate = soundfile.read(io.BytesIO(base64.b64decode(data)), always_2d=True)
        true, true_rate = soundfile.read(expected, always_2d=True)
        assert rate == true_rate
        assert heard.shape[1] == 2
        assert abs(len(heard) - len(true)) < 0.2 * rate
        assert np.sqrt(np.mean(heard**2)) == pytest.approx(np.sqrt(np.mean(true**2)), rel=0.2)
    assert [image["alt"] for image in tags.of("img")] == ["Before and after", "Directions", "Examples", "Convergence"]
    for image in tags.of("img"):
        assert base64.b64decode(image["src"].partition("base64,")[2]).startswith(b"\x89PNG")


def test_what_is_not_known_is_left_out(avfront, separate, sounds, tmp_path):
    assert separate("-o", tmp_path / "out", "--method", "gssm").exit_code == 0
    assert avfront("report", tmp_path / "out", "-o", tmp_path / "page.html").exit_code == 0
    shown = [image["alt"] for image in Tags((tmp_path / "page.html").read_text()).of("img")]
    assert shown == ["Before and after", "Examples", "Convergence"]


def test_of_many_examples_the_most_used_are_drawn(avfront, separate, sounds, save, tmp_path):
    for k in range(MOST_EXAMPLES + 5):
        save(f"many/{k}.wav", 0.1 * np.random.default_rng(k).standard_normal(2000))
    sources = ["--sources", f"speech={sounds.speech}", f"hiss={tmp_path / 'many'}"]
    assert separate("-o", tmp_path / "out", "--method", "gssm", sources=sources).exit_code == 0
    assert avfront("report", tmp_path / "out").exit_code == 0
    images = Tags((tmp_path / "out" / "report.html").read_text(encoding="utf-8")).of("img")
    drawn = next(image["src"] for image in images if image["alt"] == "Examples")
    size = struct.unpack(">II", base64.b64decode(drawn.partition("base64,")[2])[16:24])
    panels = 0.9 * 2 + 0.28 * (2 + MOST_EXAMPLES)  # inches, of two sources
    assert size == pytest.approx((1100, 110 * panels), abs=1)


def test_names_from_outside_are_text(avfront, done):
    path = done / "report.json"
    report = json.loads(path.read_text())
    report["warnings"] = ["<script>alert(1)</script>"]
    report["mixture"]["path"] = "/none/<b>.wav"
    path.write_text(json.dumps(report))
    assert avfront("report", done).exit_code == 0
    tags = Tags((done / "report.html").read_text())
    assert tags.of("script") == []
    assert tags.of("b") == []
    assert len(tags.of("audio")) == 2  # the mixture is not there any more


def test_failures_are_one_sentence(avfront, done, tmp_path, one_sentence):
    assert "no report.json" in one_sentence(avfront("report", tmp_path))
    assert avfront("report", done).exit_code == 0
    assert "--force" in one_sentence(avfront("report", done))
    assert avfront("report", done, "--force").exit_code == 0
    (done / "speech.wav").unlink()
    assert "speech.wav" in one_sentence(avfront("report", done, "--force"))
    (done / "report.json").write_text("[]")
    assert "no report of a separation" in one_sentence(avfront("report", done, "--force"))
    one_sentence(avfront("report", done, "-o", tmp_path / "no" / "such" / "page.html"))
