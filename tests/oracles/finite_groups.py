"""The finite families, each as generator matrices on its defining space, and the matrices they use.

A constructor gives an axis called `name`, declared as a spec declares it; each says why its
generators generate.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from .representations import Axis, Square, generated, same

Image = Sequence[int]
"""Where each position goes, counting from 0."""


def permutation(image: Image, signs: Sequence[int] | None = None) -> Square:
    """e_k goes to signs[k] e_image[k]."""
    matrix = np.zeros((len(image),) * 2, dtype=np.int64)
    matrix[list(image), range(len(image))] = 1 if signs is None else signs
    return matrix


def unit(n: int, row: int, column: int) -> Square:
    """The matrix with a single 1."""
    matrix = np.zeros((n, n), dtype=np.int64)
    matrix[row, column] = 1
    return matrix


def reflection(n: int, index: int) -> Square:
    """-1 at one position of the diagonal."""
    return np.eye(n, dtype=np.int64) - 2 * unit(n, index, index)


def transposition(n: int, a: int, b: int) -> Square:
    image = list(range(n))
    image[a], image[b] = b, a
    return permutation(image)


def rotation(n: int, a: int, b: int) -> Square:
    """The quarter turn e_a -> e_b -> -e_a, of determinant 1."""
    return reflection(n, a) @ transposition(n, a, b)


def turn(n: int, a: int, b: int) -> Square:
    """The element of so(n) that generates rotations of e_a towards e_b."""
    return unit(n, b, a) - unit(n, a, b)


# --- Groups --------------------------------------------------------------------------------------


def symmetric(n: int, name: str = "v") -> Axis:
    """S(n): neighbours exchanged."""
    swaps = [transposition(n, k, k + 1) for k in range(n - 1)]
    return generated(name, f"axis {name} = S({n})", n, swaps)


def alternating(n: int, name: str = "v") -> Axis:
    """A(n): the 3-cycles (1 2 k) generate it; trivial up to two positions."""
    cycles = [transposition(n, 0, 1) @ transposition(n, 1, k) for k in range(2, n)]
    return generated(name, f"axis {name} = A({n})", n, cycles)


def cyclic(n: int, name: str = "v") -> Axis:
    """C(n): each position goes to the next."""
    shift = permutation([(k + 1) % n for k in range(n)])
    return generated(name, f"axis {name} = C({n})", n, [shift])


def dihedral(n: int, name: str = "v") -> Axis:
    """D(n), of order 2n for n > 2: the shift, and the mirror that keeps position 0."""
    shift = permutation([(k + 1) % n for k in range(n)])
    mirror = permutation([-k % n for k in range(n)])
    return generated(name, f"axis {name} = D({n})", n, [shift, mirror])


def signed(n: int, name: str = "v") -> Axis:
    """B(n), all signed permutations: neighbours exchanged, and one sign."""
    swaps = [transposition(n, k, k + 1) for k in range(n - 1)]
    return generated(name, f"axis {name} = B({n})", n, [*swaps, reflection(n, 0)])


def unsigned(axis: Axis) -> Axis:
    """B(n) acting without its signs: what an even function of a signed axis is moved by."""
    return same(axis, f"{axis.words} unsigned", np.abs)


def cycles(text: str, degree: int | None = None, name: str = "v") -> Axis:
    """A permutation group: generators in cycle notation, `(1 2)(3 4), (1 3)(2 4)`, counting from 1."""
    generators = [
        [[int(word) - 1 for word in cycle.split()] for cycle in re.findall(r"\(([^)]*)\)", one)]
        for one in text.split(",")
    ]
    largest = max((k + 1 for one in generators for cycle in one for k in cycle), default=1)
    n = degree or largest
    images = []
    for one in generators:
        image = list(range(n))
        for cycle in one:
            for k, following in zip(cycle, [*cycle[1:], *cycle[:1]], strict=True):
                image[k] = following
        images.append(permutation(image))
    on = f" on {degree}" if degree else ""
    lines = (f"group G_{name} = <{text}>{on}", f"axis {name} = G_{name}")
    return generated(name, lines, n, images)


def wreath(sizes: Sequence[int], names: Sequence[str] = ("cloud", "member", "bit")) -> list[Axis]:
    """S(d) in S(h) in ...: on each depth, the axis of all indices down to there, outermost first.

    Positions of an outer axis are exchanged with all that they hold; an inner axis is moved within
    the first position of those around it. By conjugation these generate the whole group.
    """
    lines: list[str] = []
    for k, (name, n) in enumerate(zip(names, sizes, strict=False)):
        lines.append(f"axis {name} = S({n})" + (f" in {names[k - 1]}" if k else ""))
    chosen = [(level, k) for level, n in enumerate(sizes) for k in range(n - 1)]
    axes = []
    for depth in range(1, len(sizes) + 1):
        shape = tuple(sizes[:depth])
        pairs = [_within(shape, level, k) for level, k in chosen]
        name = ", ".join(names[:depth])
        one = generated(name, lines[:depth], len(pairs[0]) if pairs else 1, pairs)
        axes.append(Axis(names[0], name, shape, one.elements, (), one.declarations))
    return axes


def _within(shape: tuple[int, ...], level: int, k: int) -> Square:
    """Exchanges k and k + 1 at a level, inside the first position of each level above."""
    flat = np.arange(int(np.prod(shape))).reshape(shape)
    if level < len(shape):
        place = (0,) * level
        moved = flat.copy()
        moved[(*place, k)], moved[(*place, k + 1)] = flat[(*place, k + 1)], flat[(*place, k)]
        flat = moved
    return permutation(flat.ravel().tolist())
