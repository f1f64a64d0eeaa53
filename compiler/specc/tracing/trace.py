"""The permutation symmetry of a PyTorch model: its graph operation by operation, each with its rule."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import torch
from torch import Tensor, fx, nn

from ..symmetry.positions import Positions
from ..symmetry.terms import Term, joined
from ..symmetry.weight_space import Pin, Stack, Weights, weight_space
from .capture import Captured, capture
from .nodes import bound, integral, is_mask, overwritten, shapes, written
from .places import birth_of, births_of, place_of
from .rules import Call, Result, applied, constant, values_in, without_rule
from .values import Facts, Value


def infer(
    module: nn.Module, inputs: Sequence[object], options: Mapping[str, object], name: str
) -> Weights:
    """The weight space of a model: a tensor for each entry of its state_dict that is not of integers.

    It is called `name`. `forward` is called with `inputs` and `options` once, by `torch.export`. Raises
    `SpecError` where that cannot capture the model.
    """
    captured = capture(module, inputs, options)
    facts = Facts(Positions(Pin("what is read at its positions does not fit", name)))
    walk = _Walk(facts, captured)
    graph = captured.program.graph_module
    placeholders = [node for node in graph.graph.nodes if node.op == "placeholder"]
    for node in placeholders:
        if node.name in captured.state and node.users:
            walk.readers.setdefault(captured.first_name(node.name), node)
    given = [walk.placeholder(node) for node in placeholders]
    for value in values_in(walk.run(graph, given)):
        facts.pin_all(value.dims, "an output of the model")
        if value.refers is not None:
            facts.pin(value.refers, "an output of the model says which of its positions")
    stacks = {
        key: Stack((walk.parameters[first].dims,), Pin("parts of one matrix do not fit", key))
        for key in module.state_dict()
        if (first := captured.first_names.get(key)) in walk.parameters
    }
    for term, role in facts.roles:
        facts.positions.rename(term, role)
    return weight_space(name, "", stacks, facts.positions, facts.spaces)


@dataclass(slots=True)
class _Walk:
    """The operations one after the other, with what is known of every value."""

    facts: Facts
    captured: Captured
    parameters: dict[str, Value] = field(default_factory=dict)
    readers: dict[str, fx.Node] = field(default_factory=dict)
    """For each entry of the state_dict the first of its placeholders that is read."""
    written: set[fx.Node] = field(default_factory=set)
    """What an operation writes into: entries that were the same may not be any more."""
    overwritten: set[fx.Node] = field(default_factory=set)
    """What is written into through a view: entries that were different may be the same now."""

    def placeholder(self, node: fx.Node) -> Result:
        """What is known of what the graph is given."""
        if node.name in self.captured.state:
            return self._parameter(node, self.captured.first_name(node.name))
        held = self.captured.constants.get(node.name, node.meta.get("val"))
        if not isinstance(held, Tensor):
            return None
        if node.name in self.captured.constants:
            return self._constant(held, f"the constant `{node.name}`")
        self.facts.place, self.facts.birth = f"`{node.name}`", node.name
        dims = tuple(self.facts.pinned(size, "an input of the model") for size in held.shape)
        return Value(dims, vanishes=not held.is_floating_point(), origins=self.facts.origin())

    def _parameter(self, node: fx.Node, name: str) -> Value:
        """An entry of the state_dict: along each dimension positions that live in those of all before it."""
        if name not in self.parameters:
            dims: list[Term] = []
            node = self.readers.get(name, node)
            for birth, size in zip(births_of(node, name), node.meta["val"].shape, strict=True):
                self.facts.birth = birth
                dims.append(self.facts.fresh(size, list(dims)))
            self.parameters[name] = Value(tuple(dims), learned=True, origins=self.facts.origin())
        return self.parameters[name]

    def _constant(self, held: Tensor, called: str) -> Value:
        """Positions are told apart along each dimension along which entries differ."""
        self.facts.place, self.facts.birth = called, "constant"
        dims: list[Term] = []
        uniform: set[int] = set()
        alike: set[Term] = set()
        for dim, size in enumerate(held.shape):
            runs = _runs(held, dim)
            if len(runs) == 1 and size > 1:
                uniform.add(dim)
            if len(runs) < size:
                parts = [self.facts.fresh(run, list(dims)) for run in runs]
                alike.update(parts)
                dims.append(joined(parts))
            else:
                dims.append(self.facts.pinned(size, "a constant tells its positions apart"))
        known = held if held.dim() == 1 and not held.is_floating_point() else None
        found = Value(tuple(dims), None, frozenset(uniform), known, frozenset(alike))
        return replace(found, vanishes=bool((held == 0).any()), origins=self.facts.origin())

    def run(self, graph: fx.GraphModule, given: Sequence[Result]) -> Result:
        """What is known of a graph's results, given its inputs."""
        graph.graph.eliminate_dead_code()
        self.written |= written(graph.graph)
        self.overwritten |= overwritten(graph.graph)
        known: dict[fx.Node, Result] = {}
        inputs = iter(given)
        for node in graph.graph.nodes:
            match node.op:
                case "placeholder":
                    known[node] = next(inputs)
                case "get_attr":
                    known[node] = self._attribute(graph, node)
                case "call_function":
                    known[node] = self._call(graph, node, known)
                    self._see(node, known[node])
                case "output":
                    return self._read(node.args[0], known)  # type: ignore[return-value]
        return None

    def _attribute(self, graph: fx.GraphModule, node: fx.Node) -> Result:
        held = operator.attrgetter(str(node.target))(graph)
        return (
            self._constant(held, f"the constant `{node.target}`")
            if isinstance(held, Tensor)
            else None
        )

    def _see(self, node: fx.Node, result: Result) -> None:
        """What lives in others has to find them in every tensor."""
        expected = shapes(node)
        found = result if isinstance(result, tuple) else (result,)
        for value, shape in zip(found, expected, strict=True):
            if isinstance(value, Value):
                assert value.shape == shape, f"{node.target}: {value.shape} for {shape}"
                self.facts.spaces.append(value.dims)

    def _call(
        self, graph: fx.GraphModule, node: fx.Node, known: Mapping[fx.Node, Result]
    ) -> Result:
        if node.target is operator.getitem:
            held, place = known.get(node.all_input_nodes[0]), int(str(node.args[1]))
            return held[place] if isinstance(held, tuple) else held if place == 0 else None
        self.facts.place, self.facts.birth = place_of(node), birth_of(node)
        target = node.target
        if isinstance(target, torch._ops.OpOverload):
            return self._operation(node, target, known)
        inner = [a for a in node.args if isinstance(a, fx.Node) and a.op == "get_attr"]
        graphs = [operator.attrgetter(str(a.target))(graph) for a in inner]
        if str(target) in WRAPPERS and len(graphs) == 1:
            place = node.args.index(inner[0])
            given = [self._read(arg, known) for arg in node.args[place + 1 :]]
            return self.run(graphs[0], given)  # type: ignore[arg-type]
        if str(target) == "cond" and len(graphs) == 2:
            return self._branches(graphs, node, known)
        arguments = {str(n): self._read(arg, known) for n, arg in enumerate(node.args)}
        name = getattr(target, "__name__", str(target))
        return without_rule(self.facts, Call(name, arguments, shapes(node), frozenset()))

    def _branches(
        self, graphs: Sequence[fx.GraphModule], node: fx.Node, known: Mapping[fx.Node, Result]
    ) -> Result:
        """Either of two graphs, which give tensors of the same dimensions."""
        given = self._read(node.args[3], known)
        assert isinstance(given, tuple), "`cond` is given what its branches take"
        for value in values_in(self._read(node.args[0], known)):
            self.facts.pin_all(value.dims, "a branch depends on it")
        first, second = (self.run(graph, given) for graph in graphs)
        for one, other in zip(values_in(first), values_in(second), strict=True):
            self.facts.all_same(one.dims, other.dims)
            for value in (one, other):
                if value.refers is not None:
                    self.facts.pin(value.refers, "a branch depends on other inputs")
        return _may_be_equal(first)

    def _operation(
        self, node: fx.Node, target: torch._ops.OpOverload, known: Mapping[fx.Node, Result]
    ) -> Result:
        name = target._schema.name.partition("::")[2]
        arguments = {a.name: self._read(given, known) for a, given in bound(target, node)}
        if any(map(is_mask, node.all_input_nodes)):
            arguments["has_mask"] = True
        used = {user.args[1] for user in node.users if user.target is operator.getitem}
        places = frozenset(place for place in used if isinstance(place, int))
        in_place = name.endswith("_") and not name.endswith("__")
        plain = name[:-1] if in_place else name
        call = Call(plain, arguments, shapes(node), places, integral(node))
        random = torch.Tag.nondeterministic_seeded in target.tags
        is_pointwise = torch.Tag.pointwise in target.tags and not random
        return applied(self.facts, call, target._overloadname, is_pointwise)

    def _read(self, given: object, known: Mapping[fx.Node, Result]) -> object:
        """An argument with what is known of the nodes in it; numbers and texts stay as they are.

        Where all entries along a dimension are the same, every operation may take them in an order of
        its own.
        """
        if isinstance(given, fx.Node):
            value = known.get(given)
            if isinstance(value, Value) and given in self.overwritten:
                return replace(constant(value), learned=False)
            if isinstance(value, Value) and given not in self.written:
                return self._anew(value)
            return value
        if isinstance(given, (list, tuple)):
            return tuple(self._read(each, known) for each in given)
        return given

    def _anew(self, value: Value) -> Value:
        dims = list(value.dims)
        for dim in sorted(value.uniform):
            others = [
                term for place, term in enumerate(dims) if place < dim or place not in value.uniform
            ]
            dims[dim] = self.facts.fresh(dims[dim].size, [t for t in others if t is not dims[dim]])
        alike = value.alike | {dims[dim] for dim in value.uniform}
        return replace(value, dims=tuple(dims), alike=alike) if value.uniform else value


def _may_be_equal(result: Result) -> Result:
    if isinstance(result, tuple):
        return tuple(map(_may_be_equal, result))
    return None if result is None else constant(result)


WRAPPERS = {"wrap_with_set_grad_enabled", "wrap_with_autocast"}
"""Operations on a graph that do no more than run it."""


def _runs(held: Tensor, dim: int) -> list[int]:
    """The lengths of the stretches of a dimension in which all entries are those of the position before."""
    size = held.shape[dim]
    before, after = (
        held.narrow(dim, 0, max(size - 1, 0)),
        held.narrow(dim, min(size, 1), max(size - 1, 0)),
    )
    differs = (
        (after != before).movedim(dim, 0).flatten(1).any(1) if held.dim() > 1 else after != before
    )
    starts = [0, *(1 + n for n, new in enumerate(differs.tolist()) if new), size]
    return [end - start for start, end in pairwise(starts) if size]
