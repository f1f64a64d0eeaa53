"""The permutation symmetry of any PyTorch model, derived from its own graph.

`torch.export` gives the graph, in aten's operations as the model calls them. Every dimension of every
tensor is a term in sets of positions (`symmetry.positions`), and each operation has a rule that says which
of them are the same, which may not move, and how new ones are made of old. A permutation of positions that
respects all of that leaves every tensor on the way permuted alike, and the outputs, which are pinned, as
they are: so what is found is sound. An operation without a rule pins all that it touches.

Positions may live in others: the keys in a head are permuted in each head by themselves. Parameters begin
with as much of that as their shape allows, each dimension living in all before it, and a tensor or an
operation in which a home does not stand beside what lives there, exactly once, takes it away. For that
rules name all the indices that an operation computes with at once, each a variable of its own. Integers
may refer to positions (`topk`, `argmax`): `gather` with them moves along, arithmetic on them pins.

Two assumptions are made of numbers: entries that are compared are different, unless an operation may well
make them equal (`rules.equal`: copies, what is piecewise constant or zero, pairs in either order), and
rounding makes nothing equal, and nothing that is equal different.
"""

from .traced import Traced, TraceReport, trace

__all__ = ["TraceReport", "Traced", "trace"]
