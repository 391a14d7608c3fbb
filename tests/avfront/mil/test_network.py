import pytest
import torch

from avfront.errors import AvfrontError
from avfront.mil.network import AUDIO, MODALITIES, Network, Variant
from avfront.mil.poolings import POOLINGS


@pytest.mark.parametrize("audio", AUDIO)
@pytest.mark.parametrize("modalities", MODALITIES)
@pytest.mark.parametrize("pooling", POOLINGS)
def test_every_variant_scores_clips_whatever_they_are_batched_with(made, pooling, modalities, audio) -> None:
    variant = Variant(pooling, modalities, audio)
    network, clips = made.network(variant).eval(), made.examples(5, variant, seed=3)
    together = network(next(clips.in_order(5)).items).clips
    alone = torch.cat([network(one.items).clips for one in clips.in_order(1)])
    assert together.shape == (5, 3)
    assert torch.allclose(together, alone, atol=1e-6)


def test_the_order_of_proposals_does_not_matter(made) -> None:
    network, clips = made.network(Variant()).eval(), made.examples(1, Variant(), seed=4)
    items = next(clips.in_order(1)).items
    before = network(items).clips
    for one in items.values():
        order = torch.randperm(len(one.windows[0]))
        one.inputs[0] = (one.inputs[0][0][order],)
        one.windows[0] = one.windows[0][order]
    assert torch.allclose(network(items).clips, before, atol=1e-6)


def test_base_networks_are_trained_with_the_heads() -> None:
    base = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 4))
    network = Network(Variant(modalities="audio", audio="tsp"), 2, {"audio": 4}, {"audio": base})
    from avfront.mil.network import Items

    items = {"audio": Items([(torch.randn(3, 4, 3),), (torch.randn(1, 4, 3),)], [torch.arange(3), torch.arange(1)])}
    scored = network(items)
    assert scored.proposals["audio"].shape == (2, 3, 2)
    network.pooling.loss(scored.clips, torch.tensor([[True, False], [False, True]])).backward()
    assert base[1].weight.grad.abs().sum() > 0


def test_base_networks_are_there_for_a_while() -> None:
    network, base = Network(Variant(modalities="audio"), 2, {"audio": 4}), torch.nn.Linear(3, 4)
    before = sorted(network.state_dict())
    with network.upon({"audio": base, "visual": torch.nn.Linear(1, 1)}):
        assert {name for name in network.state_dict() if name not in before} == {
            "bases.audio.weight",
            "bases.audio.bias",
        }
    assert sorted(network.state_dict()) == before


@pytest.mark.parametrize(
    "wrong", [{"pooling": "max"}, {"audio": "all"}, {"dropout": 1.0}, {"hidden": -1}, {"sharpness": 0.0}]
)
def test_unknown_variants_are_refused(wrong) -> None:
    with pytest.raises(AvfrontError, match=next(iter(wrong))):
        Variant(**wrong)
