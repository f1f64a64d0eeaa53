"""The published method in JAX: one product for each map, added up (arXiv:2402.05232).

Written from the definition; where it leaves a choice, the faster one is taken: the product comes before
the broadcast and before a result is put on a diagonal, and XLA sees all maps of a layer at once.
"""

from __future__ import annotations

from functools import partial, reduce
from math import prod

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from .partitions import Map, maps
from .spaces import Space

Tensors = dict[str, Array]
Coefficients = dict[str, dict[str, Array]]
"""By output, then by input `(maps, in, out)`, and `bias` `(out,)`; channels times pinned positions."""

BIAS = "(bias)"


def draw(space: Space, generator: np.random.Generator) -> Coefficients:
    """Coefficients of variance 1 / fan-in, and biases of zero."""
    coefficients: Coefficients = {}
    for output in space.tensors:
        width = space.places(output) * space.channels
        shapes = {
            source: (len(maps(space, output, source)), space.places(source) * space.channels, width)
            for source in space.tensors
        }
        fan_in = sum(count * read for count, read, _ in shapes.values())
        drawn = {
            source: jnp.asarray(generator.standard_normal(shape, np.float32) / fan_in**0.5)
            for source, shape in shapes.items()
        }
        coefficients[output] = {**drawn, BIAS: jnp.zeros(width)}
    return coefficients


def linear(space: Space, coefficients: Coefficients, x: Tensors) -> Tensors:
    """The sum over all maps, and the biases; tensors are `(batch, *axes, channels)`."""
    folded = {tensor: _fold(space, tensor, value) for tensor, value in x.items()}
    results = {}
    for output, matrices in coefficients.items():
        total = matrices[BIAS]
        for source, value in folded.items():
            for number, each in enumerate(maps(space, output, source)):
                reduced = _reduced(value, each)
                product = reduced @ matrices[source][number]
                total = total + _spread(product, each, space.free(output), space)
        results[output] = _unfold(space, output, total)
    return results


def layer(space: Space, coefficients: Coefficients, x: Tensors) -> Tensors:
    """A layer, and a ReLU."""
    return {name: jax.nn.relu(value) for name, value in linear(space, coefficients, x).items()}


def network(space: Space, layers: list[Coefficients], x: Tensors) -> Tensors:
    """Layers one after the other."""
    return reduce(lambda value, each: layer(space, each, value), layers, x)


def _fold(space: Space, tensor: str, value: Array) -> Array:
    """`(batch, *free axes, pinned positions * channels)`."""
    axes = space.tensors[tensor]
    last = [1 + at for at, axis in enumerate(axes) if space.axes[axis].pinned]
    first = [1 + at for at, axis in enumerate(axes) if not space.axes[axis].pinned]
    moved = jnp.transpose(value, (0, *first, *last, value.ndim - 1))
    return moved.reshape(*moved.shape[: 1 + len(first)], -1)


def _unfold(space: Space, tensor: str, value: Array) -> Array:
    """The inverse of `_fold`, broadcast to the whole tensor."""
    axes = space.tensors[tensor]
    last = [at for at, axis in enumerate(axes) if space.axes[axis].pinned]
    first = [at for at, axis in enumerate(axes) if not space.axes[axis].pinned]
    sizes = [space.axes[axes[at]].size for at in (*first, *last)]
    batch = value.shape[0]
    free = prod(sizes[: len(first)])
    assert value.size == batch * free * value.shape[-1]
    apart = value.reshape(batch, *sizes, -1)
    back = np.argsort([*first, *last])
    return jnp.transpose(apart, (0, *(1 + int(at) for at in back), apart.ndim - 1))


def _reduced(value: Array, each: Map) -> Array:
    """Diagonals taken, and the mean over what is not in the output: blocks in order, then channels."""
    blocks = list(each.inputs)
    for block in dict.fromkeys(each.inputs):
        while blocks.count(block) > 1:
            first = blocks.index(block)
            second = blocks.index(block, first + 1)
            value = _diagonal(value, 1 + first, 1 + second)
            del blocks[second]
    gone = [at for at, block in enumerate(blocks) if block not in each.outputs]
    value = value.mean([1 + at for at in gone]) if gone else value
    kept = [block for block in blocks if block in each.outputs]
    order = sorted(range(len(kept)), key=lambda at: each.outputs.index(kept[at]))
    return jnp.transpose(value, (0, *(1 + at for at in order), value.ndim - 1))


@partial(jax.custom_vjp, nondiff_argnums=(1, 2))
def _diagonal(value: Array, first: int, second: int) -> Array:
    """Where two dimensions have equal indices; it stands at the first of them.

    Its derivative is written as a product with the identity: as the scatter that JAX derives, it made
    training three times slower.
    """
    taken = jnp.diagonal(value, axis1=first, axis2=second)
    return jnp.moveaxis(taken, -1, first)


def _diagonal_forward(value: Array, first: int, second: int) -> tuple[Array, None]:
    return _diagonal(value, first, second), None


def _diagonal_backward(first: int, second: int, _: None, gradient: Array) -> tuple[Array]:
    size = gradient.shape[first]
    shape = [1] * (gradient.ndim + 1)
    shape[first] = shape[second] = size
    return (jnp.expand_dims(gradient, second) * jnp.eye(size).reshape(shape),)


_diagonal.defvjp(_diagonal_forward, _diagonal_backward)


def _spread(value: Array, each: Map, axes: tuple[str, ...], space: Space) -> Array:
    """Broadcasts what only the output has, and puts on diagonals what it has several times."""
    blocks = list(dict.fromkeys(each.outputs))
    new = [1 + at for at, block in enumerate(blocks) if block not in each.inputs]
    value = jnp.expand_dims(value, new)
    first = [each.outputs.index(block) for block in blocks]
    value = jnp.expand_dims(value, [1 + at for at in range(len(axes)) if at not in first])
    for at, block in enumerate(each.outputs):
        if at not in first:
            value = value * _identity(at, each.outputs.index(block), axes, space)
    return value


def _identity(at: int, other: int, axes: tuple[str, ...], space: Space) -> Array:
    """1 where two indices of an axis are equal, shaped to be multiplied with (batch, *axes, channels)."""
    size = space.axes[axes[at]].size
    shape = [size if index in (at, other) else 1 for index in range(len(axes))]
    return jnp.eye(size).reshape(1, *shape, 1)
