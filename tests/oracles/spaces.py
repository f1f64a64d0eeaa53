"""Random small spaces of maps: collections of tensors with repeated, pinned and nested axes."""

from __future__ import annotations

import random

from hypothesis import strategies as st

from .action import Axis, Hom, Space, Tensor, order
from .counting import block_maps, by_formula

MAX_INDICES = 6
MAX_ENTRIES = 700
"""Of a matrix from source to target: the brute-force nullspace has that many unknowns."""
MAX_MAPS = 150
MAX_ORDER = 3000
"""Of the group, which Burnside's mean runs through."""


def random_hom(rng: random.Random) -> Hom:
    """A space of maps small enough for every oracle, drawn anew until it is."""
    while True:
        hom = _draw(rng)
        blocks = [(out, into) for out in hom.target.tensors for into in hom.source.tensors]
        if (
            hom.source.size * hom.target.size <= MAX_ENTRIES
            and max(len(out.axes) + len(into.axes) for out, into in blocks) <= MAX_INDICES
            and sum(block_maps(out, into) for out, into in blocks) <= MAX_MAPS
            and by_formula(hom).maps <= 2 * MAX_MAPS
            and order(hom.axes) <= MAX_ORDER
        ):
            return hom


def homs(seed: int, number: int) -> list[Hom]:
    """The same `number` different spaces of maps for one seed, on every machine."""
    rng = random.Random(seed)
    found: dict[Hom, None] = {}
    while len(found) < number:
        found[random_hom(rng)] = None
    return list(found)


def arbitrary_homs() -> st.SearchStrategy[Hom]:
    """The same generator, with hypothesis drawing (and shrinking) the choices."""
    return st.randoms(use_true_random=False).map(random_hom)


def _draw(rng: random.Random) -> Hom:
    cloud = Axis("cloud", rng.randint(1, 3))
    member = Axis("member", rng.randint(1, 3), parent=cloud)
    units: list[tuple[Axis, ...]] = [
        (Axis("node", rng.randint(1, 4)),),
        (Axis("edge", rng.randint(1, 3)),),
        (Axis("pixel", rng.randint(1, 3), pinned=True),),
        (cloud,),
        (cloud, member),
        (cloud, member, Axis("bit", 2, parent=member)),
        (cloud, Axis("colour", rng.randint(1, 2), parent=cloud)),
    ]
    units = rng.sample(units, rng.randint(1, 3))
    sources = [_draw_space(rng, units, f"In{k}") for k in range(rng.choice((1, 1, 1, 2)))]
    target = rng.choice((sources[0], _draw_space(rng, units, "Out")))
    return Hom(tuple(sources), target)


def _draw_space(rng: random.Random, units: list[tuple[Axis, ...]], name: str) -> Space:
    tensors = []
    for k in range(rng.choice((1, 1, 2, 3))):
        chosen = rng.choices(units, k=rng.choice((0, 1, 1, 2, 2, 3)))
        axes = tuple(axis for unit in chosen for axis in unit)
        tensors.append(Tensor(f"t{k}", axes, rng.choice((None, 1, 1, 2))))
    bare = len(tensors) == 1 and rng.random() < 0.5
    return Space(None if bare else name, tuple(tensors))
