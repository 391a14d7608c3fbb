"""Several processes that train one network, as ``torchrun`` starts them."""

import contextlib
import os
from collections.abc import Iterator

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from avfront.errors import AvfrontError


@contextlib.contextmanager
def together() -> Iterator[None]:
    """Join the other processes if ``torchrun`` started several; leave them at the end."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or distributed.is_initialized():
        yield
        return
    distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield
    finally:
        distributed.destroy_process_group()


def rank() -> int:
    """Which of the processes this is; 0 where there is one."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def count() -> int:
    """How many processes there are."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def wait() -> None:
    """Go on when all processes have come here."""
    if distributed.is_initialized():
        distributed.barrier()


def agreed(value: float) -> float:
    """The value of the first process, in all of them."""
    if not distributed.is_initialized():
        return value
    shared = [value]
    distributed.broadcast_object_list(shared)
    return shared[0]


def wrapped(network: nn.Module) -> nn.Module:
    """The network with gradients that are averaged over all processes; itself where there is one."""
    return DistributedDataParallel(network) if count() > 1 else network


def device(name: str) -> torch.device:
    """The device of that name for this process.

    Parameters
    ----------
    name : {"auto", "cpu", "cuda"}
        "auto" is a GPU if there is one.

    Raises
    ------
    AvfrontError
        If there is none, or the name is another.

    >>> device("cpu")
    device(type='cpu')
    """
    if name not in ("auto", "cpu", "cuda"):
        raise AvfrontError(f"device='{name}' is not known", remedy="choose auto, cpu or cuda", usage=True)
    if name == "cpu" or not torch.cuda.is_available():
        if name == "cuda":
            raise AvfrontError(
                "torch finds no GPU", remedy="leave --device out, or install torch with CUDA", usage=True
            )
        return torch.device("cpu")
    chosen = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    torch.cuda.set_device(chosen)
    return chosen
