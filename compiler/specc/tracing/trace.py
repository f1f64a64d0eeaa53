"""The permutation symmetry of a PyTorch model: its graph operation by operation, each with its rule."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

import torch
from torch import Tensor, fx, nn

from ..symmetry.positions import Positions, Term
from ..symmetry.weight_space import Pin, Stack, Weights, weight_space
from .capture import Captured, capture
from .rules import Call, Result, rule_of, without_rule
from .values import Facts, Value


def infer(
    module: nn.Module, inputs: Sequence[object], options: Mapping[str, object], name: str
) -> Weights:
    """The weight space of a model: a tensor for each entry of its state_dict that is not of integers.

    `forward` is called with `inputs` and `options` once, by `torch.export`. Raises `SpecError` where
    that cannot capture the model.
    """
    captured = capture(module, inputs, options)
    facts = Facts(Positions(Pin("parts lie inside a flattened dimension", name)))
    walk = _Walk(facts, captured)
    graph = captured.program.graph_module
    given = [walk.placeholder(node) for node in graph.graph.nodes if node.op == "placeholder"]
    for value in _values(walk.run(graph, given)):
        facts.pin_all(value.dims, "an output of the model")
    entries = {**walk.parameters, **{a: walk.parameters[b] for a, b in captured.aliases.items()}}
    stacks = {
        key: Stack((entries[key].dims,), Pin("parts of one matrix do not fit", key))
        for key in module.state_dict()
        if key in entries
    }
    for term, role in facts.roles:
        facts.positions.rename(term, role)
    return weight_space(name, stacks, facts.positions, [value.dims for value in walk.seen])


@dataclass(slots=True)
class _Walk:
    """The operations one after the other, with what is known of every value."""

    facts: Facts
    captured: Captured
    parameters: dict[str, Value] = field(default_factory=dict)
    seen: list[Value] = field(default_factory=list)

    def placeholder(self, node: fx.Node) -> Result:
        """What is known of what the graph is given."""
        if node.name in self.captured.state:
            return self._parameter(node, self.captured.state[node.name])
        held = self.captured.constants.get(node.name, node.meta.get("val"))
        if not isinstance(held, Tensor):
            return None
        if node.name in self.captured.constants:
            return self._constant(held, f"the constant `{node.name}`")
        self.facts.place, self.facts.birth = f"`{node.name}`", node.name
        return Value(tuple(self.facts.pinned(size, "an input of the model") for size in held.shape))

    def _parameter(self, node: fx.Node, name: str) -> Value:
        """An entry of the state_dict: along each dimension positions that live in those of all before it."""
        dims: list[Term] = []
        for birth, size in zip(_births(node, name), node.meta["val"].shape, strict=True):
            self.facts.birth = birth
            dims.append(self.facts.fresh(size, list(dims)))
        self.parameters[name] = Value(tuple(dims))
        return self.parameters[name]

    def _constant(self, held: Tensor, called: str) -> Value:
        """Positions are told apart along each dimension along which entries differ."""
        self.facts.place, self.facts.birth = called, "constant"
        dims: list[Term] = []
        for dim, size in enumerate(held.shape):
            alike = size > 0 and bool((held == held.narrow(dim, 0, 1)).all())
            reason = "a constant tells its positions apart"
            inside = [*dims]
            dims.append(
                self.facts.fresh(size, inside) if alike else self.facts.pinned(size, reason)
            )
        return Value(tuple(dims))

    def run(self, graph: fx.GraphModule, given: Sequence[Result]) -> Result:
        """What is known of a graph's results, given its inputs."""
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
                    return _read(node.args[0], known)
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
        shapes = _shapes(node)
        found = result if isinstance(result, tuple) else (result,)
        for value, shape in zip(found, shapes, strict=True):
            if isinstance(value, Value):
                assert value.shape == shape, f"{node.target}: {value.shape} for {shape}"
                self.seen.append(value)

    def _call(
        self, graph: fx.GraphModule, node: fx.Node, known: Mapping[fx.Node, Result]
    ) -> Result:
        if node.target is operator.getitem:
            held = _read(node.args[0], known)
            return held[int(str(node.args[1]))] if isinstance(held, tuple) else None
        self.facts.place, self.facts.birth = _place(node), _birth(node)
        target = node.target
        if isinstance(target, torch._ops.OpOverload):
            return self._operation(node, target, known)
        inner = [a for a in node.args if isinstance(a, fx.Node) and a.op == "get_attr"]
        graphs = [operator.attrgetter(str(a.target))(graph) for a in inner]
        if str(target) in WRAPPERS and len(graphs) == 1:
            place = node.args.index(inner[0])
            return self.run(graphs[0], [_read(arg, known) for arg in node.args[place + 1 :]])
        arguments = {str(n): _read(arg, known) for n, arg in enumerate(node.args)}
        return without_rule(self.facts, Call(str(target), arguments, _shapes(node), frozenset()))

    def _operation(
        self, node: fx.Node, target: torch._ops.OpOverload, known: Mapping[fx.Node, Result]
    ) -> Result:
        name = target._schema.name.partition("::")[2]
        arguments = {argument.name: _read(given, known) for argument, given in _bound(target, node)}
        if any(_is_mask(each) for each in _nodes(node.args)):
            arguments["has_mask"] = True
        used = {user.args[1] for user in node.users if user.target is operator.getitem}
        places = frozenset(place for place in used if isinstance(place, int))
        call = Call(name.removesuffix("_"), arguments, _shapes(node), places)
        random = torch.Tag.nondeterministic_seeded in target.tags
        is_pointwise = torch.Tag.pointwise in target.tags and not random
        return rule_of(name, target._overloadname, is_pointwise)(self.facts, call)


WRAPPERS = {"wrap_with_set_grad_enabled", "wrap_with_autocast"}
"""Operations on a graph that do no more than run it."""


def _bound(
    target: torch._ops.OpOverload, node: fx.Node
) -> Iterator[tuple[torch._C.Argument, object]]:
    """Each argument of an operation with what it is given, its default where it is left out."""
    for place, argument in enumerate(target._schema.arguments):
        if place < len(node.args) and not argument.kwarg_only:
            yield argument, node.args[place]
        elif argument.name in node.kwargs:
            yield argument, node.kwargs[argument.name]
        elif argument.has_default_value():
            yield argument, argument.default_value


def _read(given: object, known: Mapping[fx.Node, Result]) -> Result:
    """An argument with what is known of the nodes in it; numbers and texts stay as they are."""
    if isinstance(given, fx.Node):
        return known.get(given)
    if isinstance(given, (list, tuple)):
        return tuple(_read(each, known) for each in given)
    return given  # type: ignore[return-value]


def _values(result: Result) -> Iterator[Value]:
    if isinstance(result, Value):
        yield result
    elif isinstance(result, tuple):
        for each in result:
            yield from _values(each)


def _nodes(given: object) -> Iterator[fx.Node]:
    if isinstance(given, fx.Node):
        yield given
    elif isinstance(given, (list, tuple)):
        for each in given:
            yield from _nodes(each)


def _is_mask(node: fx.Node) -> bool:
    held = node.meta.get("val")
    return isinstance(held, Tensor) and held.dtype in (torch.bool, torch.uint8)


def _shapes(node: fx.Node) -> tuple[tuple[int, ...] | None, ...]:
    held = node.meta.get("val")
    many = held if isinstance(held, (list, tuple)) else (held,)
    return tuple(tuple(map(int, each.shape)) if isinstance(each, Tensor) else None for each in many)


# --- Where things are -------------------------------------------------------------------------------


def _place(node: fx.Node) -> str:
    """The innermost module and the source line of an operation: `encoder.0.fc1, model.py:12`."""
    path = _path(node)
    frames = re.findall(r'File "([^"]+)", line (\d+)', node.meta.get("stack_trace") or "")
    line = [f"{PurePath(frames[-1][0]).name}:{frames[-1][1]}"] if frames else []
    return ", ".join(filter(None, [path, *line])) or str(node.name)


def _path(node: fx.Node) -> str:
    """The path of the innermost module that an operation belongs to."""
    stack = node.meta.get("nn_module_stack") or {}
    paths = [str(path) for path, _ in stack.values()]
    return paths[-1].removeprefix("L['self'].").removeprefix("L['self']") if paths else ""


def _birth(node: fx.Node) -> str:
    return _identifier(_path(node)) or _identifier(node.name)


def _identifier(path: str) -> str:
    return re.sub(r"\W+", "_", path).strip("_")


def _births(node: fx.Node, name: str) -> list[str]:
    """What the positions along each dimension of a parameter are called, by the operation that reads it."""
    rank = len(node.meta["val"].shape)
    module, _, own = name.rpartition(".")
    path = _identifier(module if own in OWN_NAMES and module else name)
    if rank < 2:
        return [path] * rank
    roles = ROLES.get(_reader(node), ("", *(f"dim{n}" for n in range(1, rank))))
    roles = (*roles, *[roles[-1]] * (rank - len(roles)))[:rank]
    return ["_".join(filter(None, (path, role))) for role in roles]


OWN_NAMES = {"weight", "bias", "running_mean", "running_var"}

ROLES: Mapping[str, tuple[str, ...]] = {
    "linear": ("", "in"),
    "embedding": ("rows", ""),
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), ("", "in", "kernel")),
    **dict.fromkeys(
        ("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), ("in", "", "kernel")
    ),
    **dict.fromkeys(("matmul", "mm", "addmm"), ("in", "")),
    **dict.fromkeys(("lstm", "gru", "rnn_tanh", "rnn_relu"), ("", "in")),
}


def _reader(node: fx.Node) -> str:
    """The operation that reads a parameter, after casts and the like."""
    for user in node.users:
        if isinstance(user.target, torch._ops.OpOverload):
            name = user.target._schema.name.partition("::")[2]
            return _reader(user) if name in ("to", "_to_copy", "detach", "alias") else name
    return ""
