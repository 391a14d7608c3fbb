"""Proposals of one clip, and of a collection of any size: read, factorize in one batch, and store, chunk by chunk."""

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from avfront import media
from avfront.errors import AvfrontError
from avfront.job import Progress
from avfront.manifest import Clip
from avfront.proposals import components, log_mel, reading
from avfront.proposals.boxes import EdgeBoxes, in_original
from avfront.proposals.found import Array, Proposals, Settings
from avfront.proposals.store import Store

_CLIPS = 64  # in a chunk, and
_SECONDS = 640.0  # of sound in it, about
