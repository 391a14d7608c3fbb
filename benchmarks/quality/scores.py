"""SDR, ISR, SIR and SAR of source images by museval (BSS Eval v4), PESQ and STOI, over a whole recording."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avfront.scores import museval_metrics

NAMES = ("sdr", "isr", "sir", "sar")


def images(true: NDArray[Any], estimated: NDArray[Any]) -> dict[str, list[float]]:
    """Scores in dB of estimated source images.

    Args:
        true, estimated: (J, I, T) source images at I microphones.

    Returns:
        sdr, isr, sir, sar: one value per true source. 512 taps, one window over the whole.
    """
    sdr, isr, sir, sar, _ = museval_metrics().bss_eval(
        np.moveaxis(true, 1, 2),
        np.moveaxis(_audible(estimated), 1, 2),
        window=np.inf,
        hop=np.inf,
        compute_permutation=False,
        filters_len=512,
        framewise_filters=False,
        bsseval_sources_version=False,
    )
    return {name: [float(v) for v in values[:, 0]] for name, values in zip(NAMES, (sdr, isr, sir, sar), strict=True)}


def sdr(true: NDArray[Any], estimated: NDArray[Any]) -> NDArray[np.float64]:
    """Image SDR alone, (J,) dB: the true image's energy over the error's, as BSS Eval v4."""
    error = np.sum((true - estimated) ** 2, axis=(-2, -1))
    return np.asarray(10 * np.log10(np.sum(true**2, axis=(-2, -1)) / error))


def speech(true: NDArray[Any], found: NDArray[Any], rate: int) -> dict[str, float]:
    """PESQ (wide band) and STOI of speech (T,) at 16 kHz; nothing without pesq and pystoi installed, or of silence."""
    if any(importlib.util.find_spec(name) is None for name in ("pesq", "pystoi")) or not np.any(found):
        return {}
    from pesq import pesq
    from pystoi import stoi

    return {
        "pesq": float(pesq(rate, true.astype(np.float32), found.astype(np.float32), "wb")),
        "stoi": float(stoi(true, found, rate)),
    }


def _audible(estimated: NDArray[Any]) -> NDArray[Any]:
    """BSS Eval refuses silence; an estimate that is silent gets an inaudible click (about -300 dB)."""
    silent = ~np.any(estimated, axis=(1, 2))
    if not silent.any():
        return estimated
    estimated = estimated.copy()
    estimated[silent, :, 0] = 1e-15
    return estimated
