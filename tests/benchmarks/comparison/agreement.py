"""Whether two layers are the same space of maps: their dense matrices, one coefficient at a time.

With one channel and no bias a layer is a sum of matrices, one for each coefficient. Two layers can compute
the same if each of these matrices is a combination of the other's.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

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


def matrices(
    space: Space, module: nn.Module, call: Callable[[dict[str, Tensor]], dict[str, Tensor]]
) -> Dense:
    """Of a torch module without biases on one channel, called by `call` on `(batch, *axes, 1)`."""
    x = {name: torch.from_numpy(value) for name, value in unit_inputs(space).items()}
    found = []
    parameters = [each for each in module.parameters() if each.requires_grad]
    count = sum(each.numel() for each in parameters)
    with torch.no_grad():
        for unit in torch.eye(count):
            nn.utils.vector_to_parameters(unit, parameters)
            results = call(x)
            flat = torch.cat([results[name].flatten(1) for name in space.tensors], 1)
            found.append(flat.T.flatten().numpy())
    return np.stack(found)


def our_matrices(space: Space) -> Dense:
    """Of the generated layer."""
    module = specc.load(specification(space, bias=False)).Linear()
    return matrices(space, module, module)


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
