"""EdgeBoxes (Zitnick and Dollár, ECCV 2014): boxes that hold many whole contours, the objects of a picture."""

from pathlib import Path
from typing import Any

import numpy as np

from avfront.errors import AvfrontError
from avfront.extras import extra
from avfront.proposals.found import Array, Indices, Pictures, Settings

_BLUR = 2.0  # pixels, before differences are taken: texture is no edge
_TOP = 0.99  # the quantile of the differences that counts as a full edge
_WEAK, _STRONG = 0.1, 0.2  # of a full edge: Canny's thresholds
_LEAST_SIDE = 240  # pixels of the longer side: smaller pictures are enlarged, as boxes lie on a grid of some pixels
# Scores below which boxes are not refined. Ten boxes beyond the first are found in most pictures, five times as fast as
# with OpenCV's own, the second.
_LOWEST_SCORES = (0.3, 0.01)
# What a forest must say of itself.
_FOREST_TREES = ("childs", "featureIds", "thresholds", "edgeBoundaries", "edgeBins")
_FOREST_SIZES = (
    *("stride", "shrinkNumber", "patchSize", "patchInnerSize", "numberOfGradientOrientations"),
    *("selfsimilarityGridSize", "numberOfTrees", "numberOfTreesToEvaluate"),
)


class EdgeBoxes:
    """Finds boxes; a function of pictures.

    Parameters
    ----------
    settings : Settings
        `boxes`, `box_…` and `edges` are used.

    Raises
    ------
    AvfrontError
        If the file of the structured forest is missing or of another kind.

    >>> pictures = np.zeros((1, 120, 160, 3), np.uint8)
    >>> pictures[0, 30:80, 40:110] = (200, 60, 30)
    >>> boxes, of = EdgeBoxes(Settings(boxes=1))(pictures)
    >>> middle = boxes[0, :2] + boxes[0, 2:] / 2
    >>> bool(np.abs(middle - [75, 55]).max() < 5), of.tolist()
    (True, [0])
    """

    def __init__(self, settings: Settings = Settings()) -> None:  # noqa: B008  frozen
        self._cv2 = extra("cv2")
        self._settings = settings
        self._forest: Any = None if settings.edges == "gradient" else self._read(Path(settings.edges))

    def __call__(self, pictures: Pictures) -> tuple[Array, Indices]:
        """Boxes (R, 4) x, y, width, height of pictures (T, h, w, 3), RGB, and the picture (R,) that each is in.

        The best boxes first. A picture without any edge has one box, the whole of it.
        """
        found = [self._of_one(picture) for picture in pictures]
        indices = np.repeat(np.arange(len(found)), [len(boxes) for boxes in found])
        return np.concatenate([np.empty((0, 4), np.float32), *found]), indices

    def _of_one(self, picture: Pictures) -> Array:
        zoom = max(1.0, _LEAST_SIDE / max(picture.shape))
        picture = self._cv2.resize(picture, None, fx=zoom, fy=zoom) if zoom > 1 else picture
        height, width = picture.shape[:2]
        edges, normals = self._edges(picture) if self._forest is None else self._forest_edges(picture)
        boxes: Any = ()
        for lowest in _LOWEST_SCORES:
            finder = self._cv2.ximgproc.createEdgeBoxes(
                maxBoxes=self._settings.boxes,
                minScore=lowest,
                minBoxArea=self._settings.box_smallest * height * width,
                alpha=self._settings.box_step,
                beta=self._settings.box_overlap,
                kappa=self._settings.box_large,
            )
            boxes, _ = finder.getBoundingBoxes(edges, normals)
            if len(boxes) == self._settings.boxes:
                break
        return np.asarray(boxes if len(boxes) else [(0, 0, width, height)], np.float32) / np.float32(zoom)

    def _edges(self, picture: Pictures) -> tuple[Array, Array]:
        """How much of an edge runs through each pixel, 0…1, and the direction across it, 0…π.

        Differences of colour as people see it (L*a*b*), of the channel where they are largest, thinned by Canny's
        method.
        """
        cv2 = self._cv2
        colours = cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_RGB2LAB), (0, 0), _BLUR)
        across, down = cv2.Sobel(colours, cv2.CV_16S, 1, 0), cv2.Sobel(colours, cv2.CV_16S, 0, 1)
        largest = np.argmax(np.abs(across.astype(np.int32)) + np.abs(down), axis=2)[..., None]
        across, down = (np.take_along_axis(part, largest, axis=2)[..., 0] for part in (across, down))
        strength = np.hypot(across.astype(np.float32), down.astype(np.float32))
        full = max(float(np.quantile(strength, _TOP)), 1.0)
        thin = cv2.Canny(across, down, _WEAK * full, _STRONG * full, L2gradient=True)
        edges = np.where(thin > 0, np.minimum(strength / full, 1), 0).astype(np.float32)
        return edges, np.mod(np.arctan2(down, across), np.pi).astype(np.float32)

    def _forest_edges(self, picture: Pictures) -> tuple[Array, Array]:
        edges = self._forest.detectEdges(picture.astype(np.float32) / 255)
        normals = self._forest.computeOrientation(edges)
        return self._forest.edgesNms(edges, normals), normals

    def _read(self, path: Path) -> Any:
        if not path.is_file():
            raise AvfrontError("there is no such structured forest", file=path, remedy="check the path")
        # OpenCV divides by what it does not find in the file, so it is looked at first.
        try:
            file = self._cv2.FileStorage(str(path), self._cv2.FILE_STORAGE_READ)
            trees = [file.getNode(name) for name in _FOREST_TREES]
            sizes = [file.getNode("options").getNode(name).real() for name in _FOREST_SIZES]
            if min(sizes) >= 1 and not any(tree.empty() for tree in trees):
                return self._cv2.ximgproc.createStructuredEdgeDetection(str(path))
        except (self._cv2.error, SystemError):
            pass
        raise AvfrontError(
            "this is no structured forest for edges", file=path, remedy="give OpenCV's model.yml.gz, or leave it out"
        )


def in_original(boxes: Array, scale: float, size: tuple[int, int]) -> Array:
    """Boxes of a picture that was scaled by `scale`, within the original one of that (width, height).

    >>> in_original(np.array([[8, 8, 24, 17]], np.float32), 0.5, (64, 48)).tolist()
    [[16.0, 16.0, 48.0, 32.0]]
    """
    corners = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1) / scale
    corners = np.clip(corners, 0, np.tile(np.array(size, np.float32), 2))
    return np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1).astype(np.float32)
