"""The same conventions as e3nn: its matrices, its couplings, its layers with the same weights."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest
import torch
from compiled import build
from torch import Tensor, nn

from specc_runtime import spin
from specc_runtime.ties import DenseBasis, tied_basis

o3 = pytest.importorskip("e3nn.o3")

SIZES = range(4)


@pytest.fixture(autouse=True)
def double() -> Iterator[None]:
    """e3nn computes in torch's default precision."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def coupling(third: int, first: int, second: int) -> Tensor:
    """The one basis map of a product of two spins, (2 l3 + 1, 2 l1 + 1, 2 l2 + 1)."""
    found = tied_basis([spin(third)], [spin(first), spin(second)])
    assert isinstance(found, DenseBasis)
    assert found.dimension == 1
    return found.matrices.reshape(2 * third + 1, 2 * first + 1, 2 * second + 1)


@pytest.mark.parametrize("degree", range(7))
def test_wigner_matrices(degree: int) -> None:
    """D(a, b, c) turns about y by c, about x by b, about y by a."""
    x, y, _ = (torch.tensor(each) for each in spin(degree).algebra)
    a, b, c = torch.tensor([0.4, 1.3, -0.8])
    made = torch.matrix_exp(a * y) @ torch.matrix_exp(b * x) @ torch.matrix_exp(c * y)
    torch.testing.assert_close(made, o3.wigner_D(degree, a, b, c))


@pytest.mark.parametrize(
    "degrees", [(c, a, b) for a, b, c in product(SIZES, repeat=3) if abs(a - b) <= c <= a + b]
)
def test_wigner_symbols(degrees: tuple[int, int, int]) -> None:
    found, wanted = coupling(*degrees), o3.wigner_3j(*degrees)
    sign = torch.sign((found * wanted).sum())
    torch.testing.assert_close(sign * found / found.norm(), wanted)


PARITIES = {"e": "even", "o": "odd"}


def declarations(*irreps: str) -> str:
    """An axis for each irreducible representation, called as e3nn calls it, backwards: `o1` for `1o`."""
    return "group P = O(3)\n" + "\n".join(
        f"axis {name} = P spin {name[1:]} {PARITIES[name[0]]}" for name in irreps
    )


def channels_last(x: Tensor, count: int) -> Tensor:
    """e3nn's (batch, channels * (2 l + 1)) as (batch, 2 l + 1, channels)."""
    return x.reshape(len(x), count, -1).mT


def channels_first(x: Tensor) -> Tensor:
    return x.mT.flatten(1)


def test_linear_with_the_same_weights() -> None:
    """o3.Linear: a matrix for each representation, over the root of the channels that enter."""
    names, before, after = ("e0", "o1", "e2", "e1"), (4, 3, 2, 3), (2, 5, 3, 1)
    inputs = ", ".join(f"x{n}: [{n}; {c}]" for n, c in zip(names, before, strict=True))
    types = ", ".join(f"[{n}; {c}]" for n, c in zip(names, after, strict=True))
    layers = "\n".join(
        f"    z{n} = equivariant(x{n}, [{n}; {c}], bias = false)"
        for n, c in zip(names, after, strict=True)
    )
    results = ", ".join(f"z{n}" for n in names)
    module = build(
        f"{declarations(*names)}\n"
        f"model M({inputs}) -> {types} {{\n{layers}\n    return {results}\n}}"
    )
    irreps = [
        o3.Irreps([(c, f"{n[1:]}{n[0]}") for n, c in zip(names, each, strict=True)])
        for each in (before, after)
    ]
    theirs = o3.Linear(*irreps)
    values = irreps[0].randn(6, -1)
    parts = [values[:, cut] for cut in irreps[0].slices()]
    for name, weight, count in zip(names, theirs.weight_views(), before, strict=True):
        parameter(module, f"z{name}").copy_(weight.T / count**0.5)
    given = [channels_last(part, count) for part, count in zip(parts, before, strict=True)]
    found = torch.cat([channels_first(each) for each in module(*given)], 1)
    torch.testing.assert_close(found, theirs(values))


def parameter(module: nn.Module, name: str) -> Tensor:
    """The one weight of a layer without bias."""
    (weight,) = module.get_submodule(name).parameters()
    return weight.data


def test_fully_connected_tensor_product_with_the_same_weights() -> None:
    """Each path: all pairs of channels, the coupling of the spins, a matrix of coefficients."""
    first = o3.Irreps("2x0e + 2x1o + 1x2e")
    second = o3.Irreps("1x0e + 2x1o + 1x1e")
    third = o3.Irreps("2x0e + 3x1o + 1x1e + 2x2e + 1x0o")
    theirs = o3.FullyConnectedTensorProduct(first, second, third)
    names = [[str(each.ir)[::-1] for each in irreps] for irreps in (first, second, third)]
    inputs: list[str] = []
    lines: list[str] = []
    results: list[list[str]] = [[] for _ in third]
    for n, path in enumerate(theirs.instructions):
        a, b, c = path.i_in1, path.i_in2, path.i_out
        count = first[a].mul * second[b].mul
        inputs.append(f"x{n}: [{names[0][a]}, {names[1][b]}; {count}]")
        lines.append(f"    y{n} = equivariant(x{n}, [{names[2][c]}; {third[c].mul}], bias = false)")
        results[c].append(f"y{n}")
    kept = [c for c, each in enumerate(results) if each]
    types = ", ".join(f"[{names[2][c]}; {third[c].mul}]" for c in kept)
    sums = ", ".join(" + ".join(results[c]) for c in kept)
    body = "\n".join(lines)
    module = build(
        f"{declarations(*dict.fromkeys(n for each in names for n in each))}\n"
        f"model M({', '.join(inputs)}) -> {types} {{\n{body}\n    return {sums}\n}}"
    )
    x, y = first.randn(6, -1), second.randn(6, -1)
    given = []
    weights = list(theirs.weight_views())
    for n, path in enumerate(theirs.instructions):
        a, b = path.i_in1, path.i_in2
        left = channels_last(x[:, first.slices()[a]], first[a].mul)
        right = channels_last(y[:, second.slices()[b]], second[b].mul)
        given.append(torch.einsum("zic,zjd->zijcd", left, right).flatten(3))
        degrees = third[path.i_out].ir.l, first[a].ir.l, second[b].ir.l
        ours, wigner = coupling(*degrees), o3.wigner_3j(*degrees)
        scale = path.path_weight * (ours * wigner).sum() / ours.square().sum()
        parameter(module, f"y{n}").copy_(scale * weights[n].flatten(0, 1).T)
    found = module(*given)
    made = torch.cat([channels_first(each) for each in found], 1)
    wanted = torch.cat([theirs(x, y)[:, third.slices()[c]] for c in kept], 1)
    assert len(theirs.instructions) > 8
    torch.testing.assert_close(made, wanted)
