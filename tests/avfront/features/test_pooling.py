"""RoI max-pooling against its definition, cell by cell, and its gradient."""

import math

import pytest

torch = pytest.importorskip("torch")

from avfront.features.pooling import roi_max_pool  # noqa: E402


def literal(maps, boxes, box_frames, cells, scale):  # type: ignore[no-untyped-def]
    height, width = maps.shape[-2:]
    out = torch.empty(len(boxes), maps.shape[1], cells, cells)
    for r, (x, y, w, h) in enumerate(boxes.tolist()):
        left = min(max(round(x * scale), 0), width - 1)
        top = min(max(round(y * scale), 0), height - 1)
        right = max(min(round((x + w) * scale), width), left + 1)
        bottom = max(min(round((y + h) * scale), height), top + 1)
        for i in range(cells):
            for j in range(cells):
                tall, wide = (bottom - top) / cells, (right - left) / cells
                rows = slice(top + math.floor(i * tall), top + math.ceil((i + 1) * tall))
                columns = slice(left + math.floor(j * wide), left + math.ceil((j + 1) * wide))
                out[r, :, i, j] = maps[box_frames[r], :, rows, columns].amax(dim=(1, 2))
    return out


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("height", "width", "cells"), [(13, 9, 6), (30, 40, 4), (1, 5, 2), (6, 6, 6)])
def test_as_defined(seed: int, height: int, width: int, cells: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    maps = torch.randn(3, 5, height, width, generator=generator)
    # Some boxes reach beyond the picture, some are smaller than a cell, some have no size.
    boxes = torch.rand(20, 4, generator=generator) * torch.tensor([width, height, width, height]) * 4.3 - 3
    boxes[:, 2:].clamp_(min=0)
    of = torch.randint(0, 3, (20,), generator=generator)
    torch.testing.assert_close(roi_max_pool(maps, boxes, of, cells, 0.25), literal(maps, boxes, of, cells, 0.25))


def test_gradient() -> None:
    maps = torch.randn(2, 3, 7, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    boxes = torch.tensor([[0.0, 0, 8, 7], [1, 2, 5, 4], [6, 5, 1, 1]])
    of = torch.tensor([1, 0, 1])
    assert torch.autograd.gradcheck(lambda m: roi_max_pool(m, boxes, of, 3, 1.0), (maps,))


def test_no_boxes() -> None:
    maps = torch.randn(2, 3, 7, 8)
    assert roi_max_pool(maps, torch.empty(0, 4), torch.empty(0, dtype=torch.long), 6, 0.5).shape == (0, 3, 6, 6)
