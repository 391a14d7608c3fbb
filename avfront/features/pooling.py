"""Region-of-interest max-pooling (Girshick, Fast R-CNN, ICCV 2015): a box of any size to a grid of fixed size."""

import torch
from torch import Tensor
from torch.nn.functional import adaptive_max_pool2d


def roi_max_pool(maps: Tensor, boxes: Tensor, box_frames: Tensor, cells: int, scale: float) -> Tensor:
    """The largest value in each of `cells` × `cells` parts of each box, (R, C, cells, cells).

    Corners are rounded to the grid of the maps; neighbouring parts overlap by a row or column where the box does not
    divide evenly, and a box smaller than the grid shares its values among the parts.

    Parameters
    ----------
    maps : Tensor (T, C, H, W)
    boxes : Tensor (R, 4)
        x, y, width, height in pixels of the pictures that the maps come from.
    box_frames : Tensor (R,), integers
        Which of the maps each box is in.
    cells : int
        Of the grid, each way.
    scale : float
        Cells of the maps per pixel of the pictures.

    >>> maps = torch.arange(16.0).reshape(1, 1, 4, 4)
    >>> roi_max_pool(maps, torch.tensor([[0.0, 0, 8, 4]]), torch.tensor([0]), 2, 0.5).tolist()
    [[[[1.0, 3.0], [5.0, 7.0]]]]
    """
    channels, height, width = maps.shape[1:]
    limit = torch.tensor([width, height], device=maps.device)
    first = torch.round(boxes[:, :2] * scale).long().clamp(min=0).minimum(limit - 1)  # (R, 2): column, row
    last = torch.round((boxes[:, :2] + boxes[:, 2:]) * scale).long().minimum(limit).maximum(first + 1)
    # The gradient flows to where the largest values are; finding the places needs none.
    with torch.no_grad():
        corners = torch.cat([box_frames[:, None], first, last], dim=1).tolist()
        parts = (maps[t, :, top:bottom, left:right] for t, left, top, right, bottom in corners)
        found = [adaptive_max_pool2d(part, cells, return_indices=True)[1] for part in parts]
        at = torch.stack(found) if found else box_frames.new_empty(0, channels, cells, cells)
    (left, top), across = first.T[:, :, None, None, None], (last - first)[:, 0, None, None, None]
    plane = box_frames[:, None] * channels + torch.arange(channels, device=maps.device)  # (R, C)
    place = (plane[..., None, None] * height + top + at // across) * width + left + at % across
    return maps.flatten().index_select(0, place.flatten()).reshape(at.shape)
