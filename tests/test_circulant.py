"""Products along cyclic axes by Fourier transforms and windows, against the tied matrix.

Both have one checkpoint: the same coefficients in the same order.
"""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn import functional as F

from specc_runtime.actions import Action, cyclic, dihedral, matrices, unmoved
from specc_runtime.circulant import CirculantMix
from specc_runtime.tied import TiedMix, init_tied_mix_
from specc_runtime.tied_blocks import TiedBlock, TiedFactor

TURNS = matrices([[0, -1], [1, 0]])
COMPLEX = matrices([[1j, 0], [0, -1j]])


def indices(action: Action, outputs: int, inputs: int, support: int | None = None) -> TiedFactor:
    return TiedFactor([action] * outputs, [action] * inputs, support=support)


BLOCKS = {
    "C(7)": TiedBlock([indices(cyclic(7), 1, 1)]),
    "even": TiedBlock([indices(cyclic(6), 1, 1)]),
    "one position": TiedBlock([indices(cyclic(1), 1, 1)]),
    "pairs": TiedBlock([indices(cyclic(5), 2, 2)]),
    "triples": TiedBlock([indices(cyclic(3), 3, 2)]),
    "out of order": TiedBlock([indices(cyclic(4), 2, 3)], [1, 0, 4, 2, 3]),
    "image": TiedBlock([indices(cyclic(4), 1, 1), indices(cyclic(6), 1, 1)]),
    "image with pairs": TiedBlock(
        [indices(cyclic(4), 1, 2), indices(cyclic(3), 2, 1)], [4, 0, 3, 2, 5, 1]
    ),
    "others": TiedBlock(
        [indices(TURNS, 1, 1), indices(cyclic(5), 1, 1), indices(unmoved(2), 1, 2)],
        [4, 2, 0, 6, 1, 3, 5],
    ),
    "pooled": TiedBlock([indices(cyclic(4), 1, 1), indices(cyclic(3), 0, 1)]),
    "broadcast": TiedBlock([indices(cyclic(3), 2, 0), indices(cyclic(4), 1, 1)]),
    "four axes": TiedBlock([indices(cyclic(n), 1, 1) for n in (2, 3, 4, 2)]),
    "complex": TiedBlock([indices(cyclic(5), 1, 2), indices(COMPLEX, 1, 1)]),
    "D(7)": TiedBlock([indices(dihedral(7), 1, 1)]),
    "D(6)": TiedBlock([indices(dihedral(6), 1, 1)]),
    "D(2)": TiedBlock([indices(dihedral(2), 1, 1)]),
    "D(1)": TiedBlock([indices(dihedral(1), 1, 1)]),
    "reflected pairs": TiedBlock([indices(dihedral(5), 2, 2)]),
    "reflected pairs, even": TiedBlock([indices(dihedral(4), 1, 3)]),
    "reflected image": TiedBlock([indices(dihedral(4), 1, 1), indices(dihedral(3), 1, 1)]),
    "window": TiedBlock([indices(cyclic(7), 1, 1, 3)]),
    "window of one": TiedBlock([indices(cyclic(4), 1, 1, 1)]),
    "whole window": TiedBlock([indices(cyclic(5), 1, 1, 5)]),
    "windows": TiedBlock(
        [indices(cyclic(4), 1, 1, 3), indices(TURNS, 1, 1), indices(cyclic(6), 1, 1, 5)]
    ),
    "one window": TiedBlock([indices(cyclic(4), 1, 1), indices(cyclic(6), 1, 1, 3)]),
    "reflected window": TiedBlock([indices(dihedral(6), 1, 1, 3), indices(cyclic(5), 1, 1, 5)]),
    "four windows": TiedBlock([indices(cyclic(3), 1, 1, 3), *[indices(cyclic(4), 1, 1, 3)] * 3]),
    "no cyclic axis": TiedBlock([indices(TURNS, 1, 1), indices(cyclic(3), 1, 0)]),
}
every_block = pytest.mark.parametrize("name", BLOCKS)


def without_inputs(block: TiedBlock) -> TiedBlock:
    """The bias of a block."""
    places = [k < len(f.outputs) for f in block.factors for k in range(len(f.sizes))]
    outputs = [place for place, is_output in enumerate(places) if is_output]
    order = [outputs.index(place) for place in block.order or () if place in outputs]
    return TiedBlock([TiedFactor(factor.outputs) for factor in block.factors], order)


def both(name: str) -> tuple[CirculantMix, TiedMix]:
    """The same product twice, with the same drawn coefficients."""
    block = BLOCKS[name]
    dtype = torch.complex128 if name == "complex" else torch.float64
    arguments = [[block]], [2], [3], [without_inputs(block)]
    circulant, tied = CirculantMix(*arguments, dtype=dtype), TiedMix(*arguments, dtype=dtype)
    torch.manual_seed(0)
    for parameter in circulant.parameters():
        nn.init.normal_(parameter)
    tied.load_state_dict(circulant.state_dict())
    return circulant, tied


def draw(tied: TiedMix, *batch: int) -> Tensor:
    torch.manual_seed(1)
    weight = next(tied.parameters())
    return torch.randn(*batch, sum(tied.column_widths), dtype=weight.dtype)


@every_block
def test_frequencies_and_tied_matrices_are_one_product(name: str) -> None:
    circulant, tied = both(name)
    for batch in ((), (1,), (4, 2)):
        x = draw(tied, *batch)
        torch.testing.assert_close(circulant(x), tied(x), rtol=1e-10, atol=1e-10)


def test_blocks_of_several_tensors_have_forms_of_their_own() -> None:
    """Two tensors to three: nothing leads from the second to the first, which has no bias."""
    ring, still = cyclic(6), TURNS
    blocks = [
        [TiedBlock([indices(ring, 1, 1)]), None],
        [TiedBlock([indices(ring, 0, 1)]), TiedBlock([indices(ring, 0, 2)])],
        [
            TiedBlock([indices(ring, 1, 1), TiedFactor([still, still])], [0, 2, 3, 1]),
            TiedBlock([indices(ring, 1, 2), TiedFactor([still, still])], [0, 3, 4, 1, 2]),
        ],
    ]
    bias = [None, TiedBlock(), TiedBlock([indices(ring, 1, 0)])]
    bias[2] = TiedBlock([indices(ring, 1, 0), TiedFactor([still, still])])
    arguments = blocks, [2, 3, 1], [2, 4], bias
    circulant, tied = (kind(*arguments, dtype=torch.float64) for kind in (CirculantMix, TiedMix))
    torch.manual_seed(0)
    for parameter in circulant.parameters():
        nn.init.normal_(parameter)
    tied.load_state_dict(circulant.state_dict())
    x = draw(tied, 4)
    torch.testing.assert_close(circulant(x), tied(x))
    assert circulant(x).shape[-1] == 6 * 2 + 3 + 6 * 4


@pytest.mark.parametrize("name", ["image", "pairs"])
def test_products_commute_with_shifts(name: str) -> None:
    circulant, tied = both(name)
    sizes, dims = ((4, 6), (1, 2)) if name == "image" else ((5, 5), (1, 2))
    shift = (1, 2) if name == "image" else (2, 2)
    x = draw(tied, 3).unflatten(-1, (*sizes, 3))
    y = circulant(x.flatten(1)).unflatten(-1, (*sizes, 2))
    shifted = circulant(x.roll(shift, dims).flatten(1)).unflatten(-1, (*sizes, 2))
    torch.testing.assert_close(shifted, y.roll(shift, dims))


@pytest.mark.parametrize(
    ("sizes", "support"), [((9,), 3), ((5,), 5), ((4,), 1), ((6, 8), 3), ((3, 7), 3), ((4, 5, 3), 3)]
)  # fmt: skip
def test_a_window_is_torchs_circular_convolution(sizes: tuple[int, ...], support: int) -> None:
    block = TiedBlock([indices(cyclic(size), 1, 1, support) for size in sizes])
    mix = CirculantMix([[block]], [2], [3], [without_inputs(block)], dtype=torch.float64)
    assert mix.weight.shape == (support ** len(sizes), 2, 3)
    nn.init.normal_(mix.weight)
    nn.init.normal_(mix.bias)
    layer = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[len(sizes) - 1]
    padding = {"padding": "same", "padding_mode": "circular"}
    conv = layer(3, 2, support, **padding, dtype=torch.float64)
    kernel = mix.weight.reshape(*[support] * len(sizes), 2, 3).movedim((-2, -1), (0, 1))
    x = torch.randn(4, *sizes, 3, dtype=torch.float64)
    given = {"weight": kernel, "bias": mix.bias[0]}
    expected = functional_call(conv, given, (x.movedim(-1, 1),)).movedim(1, -1)
    torch.testing.assert_close(mix(x.flatten(1)), expected.flatten(1))


@pytest.mark.parametrize("support", [3, 5])
def test_a_window_is_the_tied_matrix_with_zeros(support: int) -> None:
    """Its coefficients are those of offsets t mod n; a third factor is as it is without a window."""
    factors = [(cyclic(7), support), (TURNS, None), (cyclic(5), support)]
    block = TiedBlock([indices(action, 1, 1, reach) for action, reach in factors])
    mix = CirculantMix([[block]], [2], [3], dtype=torch.float64)
    nn.init.normal_(mix.weight)
    everywhere = TiedBlock([indices(action, 1, 1) for action, _ in factors])
    tied = TiedMix([[everywhere]], [2], [3], dtype=torch.float64)
    offsets = torch.arange(support) - support // 2
    full = torch.zeros(7, 2, 5, 2, 3, dtype=torch.float64)
    window = mix.weight.reshape(support, 2, support, 2, 3)
    for j, y in enumerate(offsets.tolist()):
        for k, x in enumerate(offsets.tolist()):
            full[y % 7, :, x % 5] = window[j, :, k].detach()
    tied.load_state_dict({"weight": full.flatten(0, 2)})
    x = torch.randn(2, 7 * 2 * 5 * 3, dtype=torch.float64)
    torch.testing.assert_close(mix(x), tied(x))


@pytest.mark.parametrize(("size", "support"), [(6, 3), (7, 5), (5, 5)])
def test_a_window_of_a_dihedral_group_is_symmetric(size: int, support: int) -> None:
    """Coefficient k is that of the offsets k - support // 2 and support // 2 - k."""
    mix = CirculantMix(
        [[TiedBlock([indices(dihedral(size), 1, 1, support)])]], [1], [1], dtype=torch.float64
    )
    nn.init.normal_(mix.weight)
    expected = torch.zeros(size, size, dtype=torch.float64)
    for k, coefficient in enumerate(mix.weight.flatten().tolist()):
        for o in range(size):
            for offset in {k - support // 2, support // 2 - k}:
                expected[o, (o + offset) % size] = coefficient
    torch.testing.assert_close(mix(torch.eye(size, dtype=torch.float64)).T, expected)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: indices(cyclic(7), 1, 1, 2), "odd and at most 7, not 2"),
        (lambda: indices(cyclic(7), 1, 1, 9), "odd and at most 7, not 9"),
        (lambda: indices(cyclic(7), 1, 1, -1), "odd and at most 7, not -1"),
        (lambda: indices(cyclic(5), 2, 2, 3), "one output and one input index"),
        (lambda: indices(cyclic(5), 1, 0, 3), "one output and one input index"),
        (lambda: indices(TURNS, 1, 1, 1), "of a cyclic axis"),
    ],
)
def test_what_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


# --- What is done with modules -------------------------------------------------------------------


def module_and_input(name: str) -> tuple[CirculantMix, Tensor]:
    circulant, tied = both(name)
    return circulant, draw(tied, 2)


some_modules = pytest.mark.parametrize(
    "name",
    [
        pytest.param("image with pairs", marks=pytest.mark.slow),
        "others",
        pytest.param("complex", marks=pytest.mark.slow),
        "reflected pairs",
        "windows",
    ],
)


@some_modules
def test_derivatives_of_second_order_are_right(name: str) -> None:
    mix, x = module_and_input(name)
    names = [key for key, _ in mix.named_parameters()]

    def function(x: Tensor, *values: Tensor) -> Tensor:
        made: Tensor = functional_call(mix, dict(zip(names, values, strict=True)), (x,))
        return (made * made).sum()

    inputs = [x, *(p.detach().clone() for p in mix.parameters())]
    leaves = [value.requires_grad_() for value in inputs]
    assert torch.autograd.gradgradcheck(function, leaves, fast_mode=name != "complex")


@some_modules
def test_an_ensemble_is_mapped_over_its_parameters(name: str) -> None:
    members = [module_and_input(name)[0] for _ in range(3)]
    for member in members[1:]:
        nn.init.normal_(member.weight)
    x = module_and_input(name)[1]
    stacked, _ = stack_module_state(list[nn.Module](members))
    found = vmap(lambda p: functional_call(members[0], p, (x,)))(stacked)
    torch.testing.assert_close(found, torch.stack([member(x) for member in members]))


@some_modules
def test_copies_are_exported_compiled_and_pickled(name: str) -> None:
    mix, x = module_and_input(name)
    expected = mix(x)
    for other in (copy.deepcopy(mix), pickle.loads(pickle.dumps(mix))):
        assert torch.equal(other(x), expected)
    torch._dynamo.reset()
    compiled = torch.compile(mix, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), expected)
    shapes = {"x": {0: torch.export.Dim("batch", min=1)}}
    program = torch.export.export(mix, (x,), dynamic_shapes=shapes).module()
    torch.testing.assert_close(program(x[:1]), expected[:1])


@some_modules
def test_modules_are_made_without_memory(name: str) -> None:
    mix, x = module_and_input(name)
    with torch.device("meta"):
        empty = copy.deepcopy(mix).to("meta")
    assert empty(x.to("meta")).shape == mix(x).shape
    made = empty.to_empty(device="cpu")
    made.load_state_dict(mix.state_dict())
    assert torch.equal(made(x), mix(x))


@pytest.mark.parametrize("name", ["image with pairs", "others", "reflected pairs", "windows"])
def test_modules_work_in_half_precision(name: str) -> None:
    mix, x = module_and_input(name)
    expected = mix(x)
    made = mix.bfloat16()(x.bfloat16())
    assert made.dtype == torch.bfloat16
    scale = expected.abs().max().item()
    torch.testing.assert_close(made.double(), expected, rtol=0, atol=0.05 * scale)


@pytest.mark.parametrize("name", ["image with pairs", "others", "reflected pairs", "windows"])
def test_modules_run_under_autocast(name: str) -> None:
    mix, x = module_and_input(name)
    mix, x = mix.float(), x.float()
    with torch.autocast("cpu", torch.bfloat16):
        made = mix(x)
    scale = mix(x).abs().max().item()
    torch.testing.assert_close(made.float(), mix(x), rtol=0, atol=0.05 * scale)
    made.float().sum().backward()
    assert mix.weight.grad is not None and mix.weight.grad.dtype == torch.float32


@pytest.mark.parametrize("support", [None, 5])
def test_outputs_keep_the_scale_of_independent_inputs(support: int | None) -> None:
    rings = [indices(cyclic(size), 1, 1, support) for size in (12, 10)]
    block = TiedBlock([rings[0], indices(TURNS, 1, 1), rings[1]])
    mix = CirculantMix([[block]], [20], [20], [without_inputs(block)])
    torch.manual_seed(0)
    mix.reset_parameters()
    y = mix(torch.randn(30, 12 * 2 * 10 * 20))
    assert y.square().mean().sqrt().item() == pytest.approx(1, rel=0.1)
    init_tied_mix_(mix, [1e4])
    share = 1 if support is None else support**2 / 120
    expected = (1e4 * share) ** -0.5
    assert mix.weight.std().item() == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("action", [cyclic, dihedral])
def test_a_long_axis_has_no_square_matrix(action: Callable[[int], Action]) -> None:
    """A hundred thousand positions: their square would not fit into memory."""
    size = 100_000
    block = TiedBlock([indices(action(size), 1, 1)])
    mix = CirculantMix([[block]], [1], [1], [without_inputs(block)], dtype=torch.float64)
    torch.manual_seed(0)
    mix.reset_parameters()
    kernel = mix.weight[:, 0, 0]
    if action is dihedral:
        kernel = torch.cat([kernel, kernel[1:-1].flip(0)])
    x = torch.randn(size, dtype=torch.float64)
    for start in (0, 1, 54_321):
        expected = kernel @ x.roll(-start)
        assert mix(x)[start].item() == pytest.approx(expected.item(), rel=1e-9)
    scale = 0.5**0.5 if action is dihedral else 1  # each coefficient stands twice in a row
    assert math.isclose(mix(x).std().item(), scale, rel_tol=0.1)
    assert F.cosine_similarity(mix(x.roll(7)), mix(x).roll(7), 0).item() == pytest.approx(1)


def test_the_matrices_of_a_long_window_are_no_part_of_it() -> None:
    block = TiedBlock([indices(cyclic(300), 1, 1, 5), indices(cyclic(300), 1, 1, 3)])
    mix = CirculantMix([[block]], [1], [1], [without_inputs(block)])
    held = sum(value.numel() for value in (*mix.parameters(), *mix.buffers()))
    assert held <= 15 + 1 + 2 * 300
