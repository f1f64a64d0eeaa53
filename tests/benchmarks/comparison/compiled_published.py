"""The published method under `jax.jit`: forward, and forward with all gradients.

XLA sees a whole network at once, unless it has so many maps that compiling it would take hours: then it sees a
layer at once, which a network calls several times. Newer versions of XLA join products and sums for the YNN
library by default, which makes some of these layers twice as slow; both ways are measured.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from . import partitions, published
from .contender import Absent, Contender
from .partitions import MOST_MAPS
from .spaces import Space

WITHOUT_YNN = {"xla_cpu_experimental_ynn_fusion_type": ""}

Compiled = Callable[..., object]


def contender(space: Space, depth: int, fused: bool) -> Contender:
    """Runs that wait for their results."""
    count = partitions.count_maps(space)
    if count > MOST_MAPS and fused:
        raise Absent(f"{count} maps, which are compiled in one way only")
    options = None if fused else WITHOUT_YNN
    if not fused and not _knows(WITHOUT_YNN):
        raise Absent("this version of XLA has no fusions for YNN")
    generator = np.random.default_rng(0)
    layers = [published.draw(space, generator) for _ in range(depth)]
    x, cotangents = _tensors(space, generator), _tensors(space, generator)
    make = _by_layers if count > MOST_MAPS else _at_once
    forward, training = make(space, options)
    return Contender(
        lambda: jax.block_until_ready(forward(layers, x)),
        lambda: jax.block_until_ready(training(layers, x, cotangents)),
    )


def _knows(options: dict[str, str]) -> bool:
    try:
        jax.jit(jnp.negative, compiler_options=options).lower(jnp.ones(1)).compile()
    except jax.errors.JaxRuntimeError:
        return False
    return True


def _tensors(space: Space, generator: np.random.Generator) -> published.Tensors:
    return {
        tensor: jnp.asarray(generator.standard_normal(space.shape(tensor), np.float32))
        for tensor in space.tensors
    }


def _at_once(space: Space, options: dict[str, str] | None) -> tuple[Compiled, Compiled]:
    run = partial(published.network, space)

    def training(layers: object, x: object, cotangents: object) -> object:
        results, back = jax.vjp(run, layers, x)
        return results, back(cotangents)

    return jax.jit(run, compiler_options=options), jax.jit(training, compiler_options=options)


def _by_layers(space: Space, options: dict[str, str] | None) -> tuple[Compiled, Compiled]:
    run = partial(published.layer, space)
    forward = jax.jit(run, compiler_options=options)
    kept = jax.jit(partial(jax.vjp, run), compiler_options=options)
    back = jax.jit(lambda pull, gradient: pull(gradient), compiler_options=options)

    def forwards(layers: list[object], x: object) -> object:
        for each in layers:
            x = forward(each, x)
        return x

    def training(layers: list[object], x: object, gradient: object) -> object:
        pulls = []
        for each in layers:
            x, pull = kept(each, x)
            pulls.append(pull)
        gradients = []
        while pulls:
            own, gradient = back(pulls.pop(), gradient)
            gradients.append(own)
        return x, (gradients[::-1], gradient)

    return forwards, training
