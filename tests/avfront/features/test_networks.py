"""The networks: sizes as documented, learn from scratch, boxes matter, pictures of any size."""

import re

import pytest

torch = pytest.importorskip("torch")

from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from avfront.features import audio_network, visual_network  # noqa: E402
from avfront.features.audio import SmallAudio, VGGish  # noqa: E402
from avfront.features.visual import AlexNet, SmallVisual  # noqa: E402


def flops(network, *inputs):  # type: ignore[no-untyped-def]
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        network.to("meta")(*(x.to("meta") for x in inputs))
    return counter.get_total_flops()


@pytest.mark.parametrize("kind", [SmallAudio, VGGish, SmallVisual, AlexNet])
def test_documented_parameters(kind) -> None:  # type: ignore[no-untyped-def]
    with torch.device("meta"):
        count = sum(p.numel() for p in kind().parameters())
    stated = re.search(r"([\d.]+)\s+million\s+parameters", kind.__doc__)
    assert stated is not None
    assert float(stated[1]) == pytest.approx(count / 1e6, rel=0.05)


def test_documented_flops() -> None:
    assert flops(SmallAudio(), torch.zeros(1, 96, 64)) == pytest.approx(12e6, rel=0.05)
    with torch.device("meta"):
        big = VGGish()
    assert flops(big, torch.zeros(1, 96, 64)) == pytest.approx(1.7e9, rel=0.05)
    frames, one = torch.rand(1, 3, 120, 160), torch.tensor([[0.0, 0, 160, 120]])
    with FlopCounterMode(display=False) as counter:
        SmallVisual()(frames, one, torch.tensor([0]))
    assert counter.get_total_flops() == pytest.approx(69e6 + 0.26e6, rel=0.05)


def test_sounds_are_learned() -> None:
    """Noise in the lower or in the upper bands, in a few steps."""
    torch.manual_seed(0)
    network = audio_network("small")
    head = torch.nn.Linear(network.size, 1)
    optimiser = torch.optim.Adam([*network.parameters(), *head.parameters()], 1e-3)
    high = torch.arange(32) % 2
    patches = torch.full((32, 96, 64), -4.6) + 0.3 * torch.randn(32, 96, 64)
    for patch, up in zip(patches, high, strict=True):
        patch[20:60, 40 * up : 40 * up + 20] += 3
    for _ in range(12):
        optimiser.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(head(network(patches))[:, 0], high.float())
        loss.backward()
        optimiser.step()
    assert loss < 0.2
    network.eval()
    assert network(patches).isfinite().all()


def test_looks_are_learned() -> None:
    """Red or blue squares; the box decides which one is meant."""
    torch.manual_seed(0)
    network = visual_network("small")
    head = torch.nn.Linear(network.size, 1)
    optimiser = torch.optim.Adam([*network.parameters(), *head.parameters()], 1e-3)
    frames = torch.full((4, 3, 60, 80), 0.5) + 0.05 * torch.randn(4, 3, 60, 80)
    frames[:, 0, 10:30, 10:30] += 0.4
    frames[:, 2, 25:45, 50:70] += 0.4
    boxes = torch.tensor([[10.0, 10, 20, 20], [50, 25, 20, 20]]).repeat(4, 1)
    of, blue = torch.arange(4).repeat_interleave(2), torch.tensor([0.0, 1]).repeat(4)
    for _ in range(25):
        optimiser.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(head(network(frames, boxes, of))[:, 0], blue)
        loss.backward()
        optimiser.step()
    assert loss < 0.2


@pytest.mark.parametrize("size", [(240, 320), (320, 180), (33, 47), (8, 300)])
def test_pictures_of_any_size(size: tuple[int, int]) -> None:
    network = visual_network("small").eval()
    boxes = torch.tensor([[0.0, 0, size[1], size[0]], [size[1] - 1, size[0] - 1, 1, 1]])
    found = network(torch.rand(2, 3, *size), boxes, torch.tensor([0, 1]))
    assert found.shape == (2, 128)
    assert found.isfinite().all()


def test_a_picture_and_the_same_twice_as_large() -> None:
    torch.manual_seed(0)
    network = visual_network("small").eval()
    small = torch.nn.functional.interpolate(torch.rand(1, 3, 6, 8), (120, 160), mode="bicubic").clamp(0, 1)
    large = torch.nn.functional.interpolate(small, scale_factor=2, mode="bilinear")
    box, of = torch.tensor([[16.0, 24, 80, 64]]), torch.tensor([0])
    torch.testing.assert_close(network(small, box, of), network(large, 2 * box, of), atol=0.02, rtol=0.05)


def test_alexnet_on_a_small_picture() -> None:
    network = visual_network("alexnet").eval()
    network.shortest = 96
    boxes = torch.tensor([[0.0, 0, 64, 48], [10, 10, 20, 20]])
    with torch.inference_mode():
        found = network(torch.rand(1, 3, 48, 64), boxes, torch.zeros(2, dtype=torch.long))
    assert found.shape == (2, 4096)
