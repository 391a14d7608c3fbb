"""Separation by spectra alone, with as many examples as users have."""

import json

import numpy as np

from avfront import synth


def test_many_examples_do_not_run_away(avfront, save, sounds, tmp_path):
    """Relative sparsity with γ = 1 has no least value once there are patterns enough: one frame goes on growing."""
    for seed in range(20):
        save(f"roads/{seed}.wav", synth.traffic(1.0, 8000, seed))
    sources = ["--sources", f"road={tmp_path / 'roads'}", f"speech={sounds.speech}"]
    mix = save("mix.wav", np.tile(sounds.samples[0], 3))
    result = avfront("separate", mix, *sources, "-o", tmp_path / "out", "--json", "--no-picture")
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    (history,) = report["objective"]["history"]
    assert (np.diff(history) <= 1e-6 * np.abs(history[:-1])).all()
    levels = [source["level_db"] for source in report["sources"]]
    shares = [source["snr_db"] for source in report["sources"]]
    assert abs((levels[0] - levels[1]) - shares[0]) < 6, "the model's powers are not those of the sounds"
