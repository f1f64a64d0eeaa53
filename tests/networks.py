"""Small specifications of every kind of model, and inputs drawn for what their modules declare."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

import specc
from specc_runtime import Equivariant, Model

Value = Tensor | dict[str, Tensor]

GRAPH = """
    axis node = S(4, masked)
    space Graph {
        adjacency: [node, node; 2]
        feature:   [node; 3]
    }
"""

CLASSIFIER = """
    model Classifier(image: [; 6]) -> [; 3] {
        fc1 = linear(image, 5)
        fc2 = linear(relu(fc1), 3)
        return fc2
    }
"""

SPECS: dict[str, str] = {
    "network": """
        model M(image: [; 6]) -> [; 3] {
            h = layer_norm(linear(image, 5))
            repeat 2 as stage { h = h + gelu(linear(h, 5)) }
            return mlp(h, 4, 3, act = sin)
        }
    """,
    "images": """
        axis y = 6
        axis x = 4
        axis patch = 6
        model M(image: [y, x; 3]) -> [; 2], [patch; 4] {
            stem = tanh(group_norm(conv(image, 4, over = [y, x], kernel = 3, padding = same), 2))
            half = max_pool(stem, over = [y, x], kernel = 2)
            low  = conv(half, 8, over = [x, y], kernel = [3, 1], padding = [1, 0], groups = 2)
            a, b = split(low, 4, 4)
            up   = conv_transpose(a * sigmoid(b), 4, over = [y, x], kernel = 2, stride = 2)
            same = upsample(avg_pool(stem, over = [y, x], kernel = 2), over = [y, x])
            return linear(flatten(concat(up, same)), 2), flatten(b * instance_norm(half), over = [y, x], into = patch)
        }
    """,
    "sequences": """
        axis step = 4
        axis row = S(3)
        model M(ids: [step; index 9], x: [row, step; 3]) -> [step; 9], [row; 4] {
            words = embedding(ids, 6, name = embed) + positions(step, 6)
            h, c = lstm(words, 4, over = step, layers = 2, bidirectional = true, steps = state, name = reader)
            said = lstm(words, 4, over = step, layers = 2, bidirectional = true, initial = (h, c), name = writer)
            both = gru(x, 4, over = step, steps = last, initial = linear(h, 4))
            seen = rnn(x, 4, over = step, act = relu, steps = last)
            z    = bilinear(both, seen, 4) + gated(both, 4, act = silu) * kan(seen, 4, grid = 2, degree = 2)
            return linear(gated(said, 6, fused = true), 9, bias = false, name = embed), z
        }
    """,
    "set": """
        axis point = S(5)
        model M(x: [point; 3]) -> [; 2] {
            x = relu(equivariant(x, 4))
            return mlp(relu(invariant(x, 4)), 4, 2)
        }
    """,
    "wreath product": """
        axis cloud = S(3)
        axis member = S(4) in cloud
        model M(x: [cloud, member; 2]) -> [cloud; 1] {
            x = tanh(equivariant(x, 3))
            return equivariant(x, [cloud; 1])
        }
    """,
    "graph": GRAPH
    + """
        model M(g: Graph) -> [node, node; 1] {
            z = relu(equivariant(g, 3))
            return equivariant(z, [node, node; 1])
        }
    """,
    "several inputs and outputs": GRAPH
    + """
        block Step(z, c) { return z + relu(equivariant(z, c)) }
        model M(g: Graph, label: [node]) -> Graph(; 3), [; 2] {
            z = equivariant((g.adjacency, g.feature, label), Graph(; 3))
            repeat 2 { z = Step(z, 3) }
            return z, invariant(relu(z), 2)
        }
    """,
    "weights": CLASSIFIER
    + """
        model M(w: weights(Classifier)) -> [; 1] {
            z = coded(linear(w, 4))
            repeat 2 { z = equivariant(relu(z), 4) }
            return mlp(relu(invariant(z, 4)), 4, 1)
        }
    """,
    "edit": CLASSIFIER
    + """
        model M(w: weights(Classifier)) -> weights(Classifier) {
            z = relu(equivariant(w, 4))
            return w + 0.01 * equivariant(z, 1)
        }
    """,
}
"""Each has a model `M`."""


def sizes_of(model: nn.Module) -> dict[str, int]:
    """The sizes of the axes that a model was built with."""
    layers = [layer for layer in model.modules() if isinstance(layer, Equivariant)]
    return {name: size for layer in layers for name, size in layer.sizes.items()}


def draw(model: Model, batch: int, seed: int = 0, **sizes: int) -> dict[str, Value]:
    """Random inputs of a model by argument, in its dtype; `sizes` replace those of axes.

    An axis that no layer tells the size of has four positions.
    """
    stream = torch.Generator().manual_seed(seed)
    given: Mapping[str, int] = {"batch": batch, **sizes_of(model), **sizes}
    dtype = next((p.dtype for p in model.parameters()), None)

    def tensor(shape: str) -> Tensor:
        shape, _, indices = shape.partition(" <")
        dims = [int(word) if word.isdigit() else given.get(word, 4) for word in shape.split()]
        if indices:
            return torch.randint(int(indices), dims, generator=stream)
        return torch.randn(dims, generator=stream).to(dtype)

    return {
        name: tensor(shape)
        if isinstance(shape, str)
        else {key: tensor(each) for key, each in shape.items()}
        for name, shape in model.inputs.items()
    }


def draw_masks(model: Model, batch: int, seed: int = 0, **sizes: int) -> dict[str, Tensor]:
    """Random masks of a model by argument; the first position is always there."""
    stream = torch.Generator().manual_seed(seed)
    given = {"batch": batch, **sizes_of(model), **sizes}
    masks = {}
    for name, shape in model.masks.items():
        mask = torch.rand([given[word] for word in shape.split()], generator=stream) < 0.6
        mask[..., 0] = True
        masks[name] = mask
    return masks


every_spec = pytest.mark.parametrize("spec", SPECS)


def make(text: str, seed: int = 0, **factory: Any) -> Model:
    """Model `M` of a spec as it is after `torch.manual_seed(seed)`."""
    torch.manual_seed(seed)
    model = specc.load(SPECS.get(text, text)).M(**factory)
    assert isinstance(model, Model)
    return model


def total(outputs: object) -> Tensor:
    """One number that depends on all outputs."""
    leaves: list[Tensor] = tree_leaves(outputs)
    return sum((leaf.sin().sum() for leaf in leaves), start=torch.zeros(()))
