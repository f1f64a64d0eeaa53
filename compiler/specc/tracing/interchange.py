"""Weight spaces as other projects write them: Git Re-Basin's specifications, UNF's trees of integers.

Both say of each dimension of each tensor which permutation moves it. Products, sums and axes that live
in others cannot be said: such axes are pinned in what is written.

Git Re-Basin (arXiv:2209.04836) has `axes_to_perm`, from each tensor to a permutation or null for each
dimension, and `perm_to_axes`, its inverse. Universal Neural Functionals (arXiv:2402.05232) have a tree
as the parameters are, with an integer for each dimension; a negative one is read as pinned.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ..errors import SpecError, nearest
from ..groups import Pinned, Symmetric
from ..types import Axis, Collection, Tensor
from .written import tensors_of

Json = object
Dimensions = dict[str, list[str | None]]
"""For each tensor the permutation of each dimension; None for one that is pinned."""


def to_git_rebasin(space: Collection) -> dict[str, Json]:
    """`axes_to_perm` and `perm_to_axes`."""
    dims = _plain(space)
    perms: dict[str, list[list[Json]]] = {}
    for name, along in dims.items():
        for dim, perm in enumerate(along):
            if perm is not None:
                perms.setdefault(perm, []).append([name, dim])
    return {"axes_to_perm": dims, "perm_to_axes": perms}


def to_unf(space: Collection) -> dict[str, Json]:
    """A tree as the names of the state_dict are nested, with an integer for each dimension."""
    numbers: dict[str, int] = {}
    pinned = iter(range(-1, -(10**9), -1))
    tree: dict[str, Json] = {}
    for name, along in _plain(space).items():
        *path, last = name.split(".")
        branch = tree
        for step in path:
            below = branch.setdefault(step, {})
            assert isinstance(below, dict), "no tensor is called as the beginning of another"
            branch = below
        branch[last] = [
            next(pinned) if perm is None else numbers.setdefault(perm, len(numbers))
            for perm in along
        ]
    return tree


def left_out(space: Collection) -> list[Axis]:
    """The free axes that only this project's language can say."""
    said = {perm for along in _plain(space).values() for perm in along}
    found = dict.fromkeys(a for _, t in space.tensors for a in t.axes if not a.pinned)
    return [axis for axis in found if axis.size > 1 and axis.name not in said]


def _plain(space: Collection) -> Dimensions:
    """The axes that are whole dimensions wherever they are; any other dimension is pinned."""
    alone: set[Axis] = set()
    within: set[Axis] = set()
    for tensor in tensors_of(space):
        for dim, size in enumerate(tensor.shape):
            found = {piece.dims[dim].axes for piece in tensor.pieces}
            whole = len(found) == 1 and [axis.size for axis in next(iter(found))] == [size]
            (alone if whole else within).update(axis for axes in found for axis in axes)
    parents = {axis.parent for axis in alone | within}
    said = {
        axis
        for axis in alone - within
        if not axis.pinned and axis.size > 1 and axis.parent is None and axis not in parents
    }
    return {
        tensor.name: [
            next((axis.name for axis in piece.dims[dim].axes if axis in said), None)
            for piece in tensor.pieces[:1]
            for dim in range(len(tensor.shape))
        ]
        for tensor in tensors_of(space)
    }


# --- Reading ----------------------------------------------------------------------------------------


def read(path: Path, shapes: Mapping[str, Sequence[int]]) -> Collection:
    """The space of a file in one of the two forms, for a state_dict with these shapes."""
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise SpecError(f"`{path}` is no JSON: {error}") from error
    if not isinstance(given, dict):
        raise SpecError(f"`{path}` holds no specification", None, "an object is needed")
    if "axes_to_perm" in given or "perm_to_axes" in given:
        return from_dimensions(_git_rebasin(given, shapes), shapes, path.stem)
    return from_dimensions(dict(_unf(given, "")), shapes, path.stem)


def _git_rebasin(given: Mapping[str, Json], shapes: Mapping[str, Sequence[int]]) -> Dimensions:
    perms = given.get("axes_to_perm")
    if isinstance(perms, dict):
        return {str(name): _texts(name, along) for name, along in perms.items()}
    inverse = given["perm_to_axes"]
    if not isinstance(inverse, dict):
        raise SpecError("`perm_to_axes` is no object")
    dims: Dimensions = {}
    for perm, places in inverse.items():
        for place in places if isinstance(places, list) else []:
            if not (isinstance(place, list) and len(place) == 2 and isinstance(place[1], int)):
                raise SpecError(f"`{perm}` moves {place!r}, which is no tensor with a dimension")
            name, dim = str(place[0]), place[1]
            if name not in shapes:
                raise SpecError(f"the model has no tensor `{name}`", None, nearest(name, shapes))
            if not 0 <= dim < len(shapes[name]):
                raise SpecError(f"`{name}` has no dimension {dim}")
            dims.setdefault(name, [None] * len(shapes[name]))[dim] = str(perm)
    return dims


def _texts(name: str, along: Json) -> list[str | None]:
    if not isinstance(along, list):
        raise SpecError(f"`{name}` has no list with a permutation for each dimension")
    return [None if perm is None else str(perm) for perm in along]


def _unf(tree: Mapping[str, Json], prefix: str) -> Iterator[tuple[str, list[str | None]]]:
    for key, below in tree.items():
        name = f"{prefix}.{key}" if prefix else str(key)
        if isinstance(below, dict):
            yield from _unf(below, name)
        elif isinstance(below, list) and all(isinstance(each, int) for each in below):
            yield name, [None if number < 0 else f"P_{number}" for number in below]
        else:
            raise SpecError(f"`{name}` is neither a tree nor a list of integers")


def from_dimensions(
    dims: Dimensions, shapes: Mapping[str, Sequence[int]], label: str
) -> Collection:
    """A space in which each permutation is an axis; tensors that are not named are pinned."""
    axes: dict[str, tuple[Axis, str]] = {}
    for name in dims:
        if name not in shapes:
            raise SpecError(f"the model has no tensor `{name}`", None, nearest(name, shapes))
    tensors = []
    for name, shape in shapes.items():
        along = dims.get(name, [None] * len(shape))
        if len(along) != len(shape):
            raise SpecError(f"`{name}` has {len(shape)} dimensions, and {len(along)} are specified")
        own = []
        for dim, (perm, size) in enumerate(zip(along, shape, strict=True)):
            if perm is None:
                own.append(Axis(f"{name}.{dim}", size, Pinned()))
                continue
            axis, first = axes.setdefault(perm, (Axis(perm, size, Symmetric()), name))
            if axis.size != size:
                raise SpecError(
                    f"`{perm}` moves {axis.size} positions of `{first}` and {size} of `{name}`"
                )
            own.append(axis)
        tensors.append((name, Tensor(tuple(own), None)))
    return Collection(tuple(tensors), label)
