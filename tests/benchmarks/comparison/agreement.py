"""Whether two layers are the same space of maps: their dense matrices, one coefficient at a time.

With one channel and no bias a layer is a sum of matrices, one for each coefficient. Two layers can compute
the same if each of these matrices is a combination of the other's.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

import specc

from .spaces import Space, specification

Dense = np.ndarray
"""`(coefficients, outputs * inputs)`, tensors flattened in the order of the space."""


def unit_inputs(space: Space) -> dict[str, np.ndarray]:
    """As many networks at once as there are numbers in one; each has a single 1."""
    sizes = [int(np.prod(space.shape(tensor)[1:])) for tensor in space.tensors]
    unit = np.eye(sum(sizes), dtype=np.float32)
    parts = np.split(unit, np.cumsum(sizes)[:-1], axis=1)
    return {
        tensor: part.reshape(len(unit), *space.shape(tensor)[1:])
        for tensor, part in zip(space.tensors, parts, strict=True)
    }


def matrices(space: Space, module: nn.Module) -> Dense:
    """Of a torch module on one channel, one for each number of its parameters that want a gradient."""
    x = {name: torch.from_numpy(value) for name, value in unit_inputs(space).items()}
    parameters = {name: each for name, each in module.named_parameters() if each.requires_grad}
    shapes = [each.shape for each in parameters.values()]
    sizes = [each.numel() for each in parameters.values()]

    def matrix(flat: Tensor) -> Tensor:
        parts = (part.view(shape) for part, shape in zip(flat.split(sizes), shapes, strict=True))
        results = functional_call(module, dict(zip(parameters, parts, strict=True)), (x,))
        return torch.cat([results[name].flatten(1) for name in space.tensors], 1).T.flatten()

    with torch.no_grad():
        return vmap(matrix)(torch.eye(sum(sizes))).numpy()


def our_matrices(space: Space) -> Dense:
    """Of the generated layer."""
    module = specc.load(specification(space, "Linear", bias=False)).Linear()
    return matrices(space, module)


def published_matrices(space: Space) -> Dense:
    """Of the published method, one for each map."""
    import jax
    import jax.numpy as jnp
    from jax.flatten_util import ravel_pytree

    from . import published

    drawn = published.draw(space, np.random.default_rng(0))
    maps = {
        output: {name: value for name, value in each.items() if name != published.BIAS}
        for output, each in drawn.items()
    }
    flat, apart = ravel_pytree(maps)
    x = {name: jnp.asarray(value) for name, value in unit_inputs(space).items()}

    def matrix(coefficients: jax.Array) -> jax.Array:
        full = {
            output: {**each, published.BIAS: jnp.zeros(space.places(output))}
            for output, each in apart(coefficients).items()
        }
        results = published.linear(space, full, x)
        rows = [results[name].reshape(len(results[name]), -1) for name in space.tensors]
        return jnp.concatenate(rows, 1).T.reshape(-1)

    return np.asarray(jax.jit(jax.vmap(matrix))(jnp.eye(len(flat))))


def ranks(first: Dense, second: Dense) -> tuple[int, int, int]:
    """Of each, and of both together: three equal numbers if they span the same."""
    together = np.concatenate([first, second])
    return _rank(first), _rank(second), _rank(together)


def _rank(rows: Dense) -> int:
    """By the products of the rows with each other, of which there are fewer than columns."""
    rows = rows.astype(np.float64)
    gram = rows @ rows.T
    return int(np.linalg.matrix_rank(gram, tol=1e-9 * float(np.trace(gram))))
