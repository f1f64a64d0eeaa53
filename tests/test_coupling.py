"""`coupling = near` and `rank = r`: fewer parameters, the same symmetry and the same maps."""

from __future__ import annotations

import pytest
import torch
from compiled import layer_report
from oracles.values import randomise

import specc

SPEC = """
    block Layer(x) {{ return x + linear(relu(linear(x, 6, name = up)), 4, name = down) }}
    model Net(x: [; 3]) -> [; 2] {{
        x = linear(x, 4)
        repeat {depth} as blocks {{ x = Layer(x) }}
        return linear(x, 2)
    }}
    model M(w: weights(Net; 8)) -> weights(Net; 8) {{
        layer = equivariant(w, 8{options})
        return layer
    }}
"""


def reported(depth: int, options: str) -> dict[str, int]:
    report = layer_report(SPEC.format(depth=depth, options=options))
    return {key: report[key] for key in ("maps", "bias_maps", "parameters")}


@pytest.mark.parametrize("options", [", coupling = near, summary = 4", ", rank = 4"])
def test_parameters_grow_in_proportion(options: str) -> None:
    """Second differences over equally many blocks vanish; with all couplings they do not."""

    def bend(options: str) -> int:
        few, more, most = (reported(depth, options)["parameters"] for depth in (8, 16, 24))
        return most - 2 * more + few

    assert bend(options) == 0
    assert bend("") > 0


@pytest.mark.parametrize(
    "options", [", coupling = near", ", rank = 3", ", coupling = near, rank = 5"]
)
def test_the_layer_can_still_be_every_map(options: str) -> None:
    spec = SPEC.format(depth=3, options=options)
    assert reported(3, options)["maps"] == reported(3, "")["maps"]
    assert reported(3, options)["bias_maps"] == reported(3, "")["bias_maps"]
    (_, model) = specc.verify(spec).models
    (layer,) = model.layers
    assert model.ok
    assert (layer.rank, layer.bias_rank) == (layer.maps, layer.bias_maps)


def test_blocks_far_apart_meet_through_the_summary_alone() -> None:
    """Without the summaries one block's numbers do not reach another's; with them they do."""
    loaded = specc.load(SPEC.format(depth=3, options=", coupling = near, summary = 4"))
    network, read = loaded.M(dtype=torch.float64), loaded.Net(dtype=torch.float64)
    randomise(network, torch.Generator().manual_seed(0))

    def reached() -> bool:
        zeros = {n: w.new_zeros(1, *w.shape, 8) for n, w in read.state_dict().items()}
        there = {n: w.clone() for n, w in zeros.items()}
        for name in there:
            if name.startswith("blocks.0."):
                there[name].normal_(generator=torch.Generator().manual_seed(1))
        before, after = network(zeros), network(there)
        return any(not torch.equal(before[n], after[n]) for n in zeros if n.startswith("blocks.2."))

    assert reached()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith("weight_in"):
                parameter.zero_()
    assert not reached()
