"""Decides how a model's module reads: variables, what stands inside what, loops, a class for each block.

The result is a `ModulePlan` for each class; the emitter prints them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ..graph import Node, Region, Typed
from ..operations import Equivariant
from ..operations.masks import mask_name
from ..types import Axis, Collection, Type, axes_of, tensors_of
from .ahead import layers_ahead, means_read, taking_means
from .epilogues import epilogues
from .expressions import Code, Each, Text, called, elementwise, finished, plain
from .lifetimes import LiveNames, is_read_once, last_reads, levels_of, lines_of, readers_of
from .module_plan import Classes, ForwardArgument, LayerUse, Line, Loop, ModulePlan
from .plan import Argument, Formulation, LayerPlan
from .rolling import Carried, Roll, roll
from .schedule import schedule
from .submodules import class_name, module_tree

MOST_INLINE = 72
"""An expression longer than this gets a line and a name of its own."""


def compose(typed: Typed, classes: Classes) -> ModulePlan:
    """The plan of a model's class; kinds of layers and blocks that are new join `classes`."""
    graph = typed.graph
    masks = masked_axes(typed)
    body = _Body(typed, classes, prefix="", masks=masks)
    for number in graph.inputs:
        body.hold(number, body.names.claim(graph.nodes[number].label))
    body.compose(len(graph.inputs), len(graph.nodes), graph.regions)
    results = tuple((body.result(number), typed.types[number]) for number in graph.outputs)
    return ModulePlan(
        typed.name,
        True,
        tuple(ForwardArgument(body.variables[n], typed.types[n]) for n in graph.inputs),
        masks,
        results,
        graph.output_types,
        module_tree(body.modules),
        tuple(body.lines),
    )


def masked_axes(typed: Typed) -> tuple[Axis, ...]:
    """The axes of a model that need masks, each once."""
    found = dict.fromkeys(axis for each in typed.types for axis in axes_of(each) if axis.masked)
    return tuple(found)


def layer_arguments(inputs: Sequence[Type]) -> tuple[Argument, ...]:
    """The inputs of a layer as its `forward` calls them: `x`, or `x1`, `x2`, ..."""
    return tuple(
        Argument("x" if len(inputs) == 1 else f"x{place}", tuple(n for n, _ in tensors_of(value)))
        for place, value in enumerate(inputs, start=1)
    )


def layer_plan(typed: Typed, node: Node, formulation: Formulation | None = None) -> LayerPlan:
    """The plan of an equivariant layer of a model."""
    assert isinstance(node.operation, Equivariant)
    inputs = typed.input_types(node)
    maps = node.operation.maps(inputs, typed.type(node))
    return schedule(maps, layer_arguments(inputs), formulation)


class _Body:
    """The body of one `forward`: variables for values, lines as they come."""

    def __init__(self, typed: Typed, classes: Classes, prefix: str, masks: Sequence[Axis]) -> None:
        self.typed = typed
        self.classes = classes
        self.prefix = prefix
        self.names = LiveNames(frozenset(mask_name(axis) for axis in masks))
        self.variables: dict[int, str] = {}
        self.lines: list[Line | Loop] = []
        self.modules: dict[str, str] = {}
        self._pending: dict[int, Code] = {}
        self._loops: list[tuple[str, int, str]] = []
        self._uses = readers_of(typed.graph)
        self._level = levels_of(typed.graph)
        self._epilogues = epilogues(typed, self._uses, self._level)
        self._ahead = layers_ahead(typed, self._epilogues)
        self._line = lines_of(typed.graph, self._uses, self._level, self._epilogues)
        self._last_use = last_reads(typed.graph, self._uses, self._line)
        self._fixed: dict[int, str] = {}

    # --- Values

    def hold(self, number: int, variable: str) -> None:
        """A variable holds a value until its last use."""
        self.variables[number] = variable
        self.names.hold(variable, self._last_use.get(number, -1))

    def code(self, number: int) -> Code:
        if number in self._pending:
            return self._pending.pop(number)
        return Text(self.variables[number])

    def text(self, number: int) -> str:
        return finished(self.code(number))

    def result(self, number: int) -> str:
        """The code of a result; a collection is in a variable, for it is opened once more."""
        text = self.text(number)
        kind = self.typed.types[number]
        if isinstance(kind, Collection) and not text.isidentifier():
            last = len(self.typed.graph.nodes)
            variable = self.names.claim_at("result", last - 1)
            self.names.hold(variable, last)
            self.lines.append(Line(f"{variable} = {text}"))
            return variable
        return text

    def returned(self, number: int) -> str:
        """The code of a block's result; one that only has a name outside stands in the `return`."""
        text = self.text(number)
        last = self.lines[-1] if self.lines else None
        named = self.typed.graph.nodes[number].label == text
        if not named and isinstance(last, Line) and last.text.startswith(f"{text} = "):
            self.lines.pop()
            return last.text.removeprefix(f"{text} = ")
        return text

    def give(self, number: int, code: Code, at: int, name: str) -> None:
        """Keeps a value's code for its one use, or assigns it to a variable."""
        if number not in self._fixed and self._inlined(number) and _length(code) <= MOST_INLINE:
            self._pending[number] = code
            return
        node = self.typed.graph.nodes[number]
        text = finished(code)
        variable = self._fixed.get(number) or self.names.claim_at(node.label or name, at)
        self.hold(number, variable)
        self.lines.append(Line(f"{variable} = {text}", _comment(self.typed.type(node))))

    def _inlined(self, number: int) -> bool:
        node = self.typed.graph.nodes[number]
        return not node.label and is_read_once(number, self._uses, self._level)

    # --- Nodes and regions

    def compose(self, first: int, last: int, regions: Sequence[Region]) -> None:
        at = first
        waiting = [region for region in regions if region.first < region.last]
        while at < last:
            if waiting and waiting[0].first == at:
                region = waiting.pop(0)
                self._region(region)
                at = region.last
            else:
                self._node(self.typed.graph.nodes[at])
                at += 1

    def _region(self, region: Region) -> None:
        if region.kind == "block" and region.path:
            self._block(region)
        elif region.kind == "repeat":
            self._repeat(region)
        else:
            self.compose(region.first, region.last, region.inner)

    def _node(self, node: Node) -> None:
        inputs, result = self.typed.input_types(node), self.typed.type(node)
        codes = tuple(self.code(number) for number in node.inputs)
        operation = node.operation
        if isinstance(operation, Equivariant):
            self._equivariant(node, codes)
            return
        if node.inputs and node.inputs[0] in self._epilogues:
            code: Code = codes[0]
        elif (module := operation.module(inputs, result)) is not None:
            own = self._add_module(node.path, module) == module
            every = operation.one_for_all and isinstance(result, Collection)
            apply = operation.call if own else operation.functional
            code = called(apply, self._access(node.path), codes, inputs, result, every)
        elif operation.elementwise:
            if len(codes) > 1 and isinstance(result, Collection):
                codes = tuple(self._from_variables(code, node) for code in codes)
            code = elementwise(operation, codes, inputs, result)
        else:
            code = plain(operation, codes, inputs, result)
        self.give(node.number, code, node.number, _plain_name(node))

    def _equivariant(self, node: Node, codes: Sequence[Code]) -> None:
        """A layer; an activation that is all that reads it is part of its call."""
        layer = self._layer(node)
        self._add_module(node.path, f"{layer.name}(**factory)")
        arguments = [finished(code) for code in codes]
        arguments += [mask_name(axis) for axis in layer.masks]
        activation = self._epilogues.get(node.number)
        if activation is not None:
            arguments.append(f"activation={activation}")
        code = Text(f"{self._access(node.path)}({', '.join(arguments)})")
        if activation is None:
            self.give(node.number, code, node.number, _plain_name(node))
        else:
            self._pending[node.number] = code

    def _from_variables(self, code: Code, node: Node) -> Code:
        """The code with what it reads in variables, for code that reads it once for each tensor."""
        if isinstance(code, Text):
            return Text(self._variable(code.code, node))
        return Each(code.body, tuple(self._variable(source, node) for source in code.sources))

    def _variable(self, text: str, node: Node) -> str:
        if text.isidentifier():
            return text
        called = re.match(r"self\.(\w+)", text)
        variable = self.names.claim_at(called[1] if called else "values", node.number - 1)
        self.names.hold(variable, node.number + 1)
        self.lines.append(Line(f"{variable} = {text}"))
        return variable

    def _layer(self, node: Node) -> LayerUse:
        """The class of an equivariant layer; layers of one kind share it."""
        key, plan = self._plan(node)
        if key not in self.classes.layers:
            inputs, result = self.typed.input_types(node), self.typed.type(node)
            name = self.classes.taken.claim(class_name(self.typed.name, node.path))
            read = ", ".join(map(str, inputs))
            masks = dict.fromkeys(
                axis for value in (*inputs, result) for axis in axes_of(value) if axis.masked
            )
            self.classes.layers[key] = LayerUse(name, f"{read} -> {result}", plan, tuple(masks))
        layer = self.classes.layers[key]
        plan = layer.plan
        if node.number in self._epilogues:
            plan = replace(plan, activated=True)
        for reader in self._ahead.get(node.number, ()):
            _, of_reader = self._plan(self.typed.graph.nodes[reader.node])
            plan = taking_means(plan, means_read(of_reader, reader.place))
        layer = self.classes.layers[key] = replace(layer, plan=plan)
        return layer

    def _plan(self, node: Node) -> tuple[object, LayerPlan]:
        """The plan of a layer by itself, and a key for layers of its kind."""
        operation, inputs = node.operation, self.typed.input_types(node)
        assert isinstance(operation, Equivariant)
        key = operation.maps(inputs, self.typed.type(node)), layer_arguments(inputs)
        plans = self.classes.plans
        if key not in plans:
            plans[key] = layer_plan(self.typed, node, self.classes.formulation)
        return key, plans[key]

    # --- Blocks

    def _block(self, region: Region) -> None:
        arguments = self._block_arguments(region)
        key = _block_key(self.typed, region, arguments)
        if key not in self.classes.blocks:
            self.classes.blocks[key] = self._block_class(region, arguments)
        plan = self.classes.blocks[key]
        self._add_module(region.path, f"{plan.name}(**factory)")
        given = [self.text(number) for _, number in arguments]
        given += [mask_name(axis) for axis in plan.masks]
        call = f"{self._access(region.path)}({', '.join(given)})"
        made = _made(region)
        if len(made) == 1:
            self.give(made[0], Text(call), region.last - 1, plan.name.lower())
        if len(made) < 2:
            return
        names = []
        for number in made:
            label = self.typed.graph.nodes[number].label or plan.name.lower()
            variable = self._fixed.get(number) or self.names.claim_at(label, region.last - 1)
            self.hold(number, variable)
            names.append(variable)
        self.lines.append(Line(f"{', '.join(names)} = {call}"))

    def _block_arguments(self, region: Region) -> tuple[tuple[str, int], ...]:
        """What comes in: the block's parameters that are used, by their names in the block."""
        used = {
            number
            for node in self.typed.graph.nodes[region.first : region.last]
            for number in node.inputs
            if number < region.first
        } | (set() if _made(region) else set(region.results))
        found: dict[int, str] = {}
        for name, number in region.arguments:
            if number in used:
                found.setdefault(number, name)
        return tuple((name, number) for number, name in found.items())

    def _block_class(self, region: Region, arguments: Sequence[tuple[str, int]]) -> ModulePlan:
        nodes = self.typed.graph.nodes[region.first : region.last]
        axes = dict.fromkeys(
            axis for node in nodes for axis in axes_of(self.typed.type(node)) if axis.masked
        )
        masks = tuple(axes)
        body = _Body(self.typed, self.classes, region.path + ".", masks)
        for name, number in arguments:
            body.hold(number, body.names.claim(name))
        body.compose(region.first, region.last, region.inner)
        returned = _made(region) or region.results
        results = tuple((body.returned(n), self.typed.types[n]) for n in returned)
        return ModulePlan(
            self.classes.taken.claim(region.name),
            False,
            tuple(ForwardArgument(body.variables[n], self.typed.types[n]) for _, n in arguments),
            masks,
            results,
            tuple(kind for _, kind in results),
            module_tree(body.modules),
            tuple(body.lines),
        )

    # --- Repeats

    def _repeat(self, region: Region) -> None:
        rolled = roll(self.typed, region)
        if rolled is None:
            for run in region.inner:
                self.compose(run.first, run.last, run.inner)
            return
        self._loop(region, rolled)

    def _loop(self, region: Region, rolled: Roll) -> None:
        """One run's statements in a loop over the modules of all runs."""
        first, *_, last = region.inner
        before = dict(self.variables)
        entries = self._carried_in(region, rolled)
        lists = rolled.lists
        loop_names = []
        for path in lists:
            name = "layer" if len(lists) == 1 else path.rpartition(".")[2] + "_layer"
            loop_names.append(self.names.claim_at(name, region.first))
            self.names.hold(loop_names[-1], region.last)
        heads = [self._access(path) for path in lists]
        outer_lines, self.lines = self.lines, []
        for path, name in zip(lists, loop_names, strict=True):
            self._loops.append((path, rolled.start, name))
        self.compose(first.first, first.last, first.inner)
        for line in self._carried_out(entries):
            self.lines.append(line)
        del self._loops[len(self._loops) - len(lists) :]
        body, self.lines = self.lines, outer_lines
        if body:
            self.lines.append(Loop(_loop_head(loop_names, heads, len(region.inner)), tuple(body)))
        self.variables.update(
            {c.outside: before[c.outside] for c in rolled.carried if c.outside in before}
        )
        self._finish_runs(region, first, last)

    def _carried_in(self, region: Region, rolled: Roll) -> list[tuple[int, str, str]]:
        """Puts what a loop carries into its variables; for each the node, the variable, the name of the new value."""
        entries: list[tuple[int, str, str]] = []
        for carried in rolled.carried:
            label = self.typed.graph.nodes[carried.inside].label or "value"
            current = self.variables.get(carried.outside)
            free_after = self._last_use[carried.outside] < region.last
            if current == label and free_after:
                variable = label
            else:
                variable = self.names.claim_at(label, region.first)
                self.lines.append(Line(f"{variable} = {self.text(carried.outside)}"))
            self.variables[carried.outside] = variable
            self.names.hold(variable, region.last)
            given = {inside: inner for inside, _, inner in entries}
            inner = given.get(carried.inside, variable)
            if inner == variable and self._read_late(carried, region.inner[0]):
                inner = self.names.claim_at(f"next_{label}", region.first)
                self.names.hold(inner, region.last)
            self._fixed[carried.inside] = inner
            entries.append((carried.inside, variable, inner))
        return entries

    def _read_late(self, carried: Carried, run: Region) -> bool:
        """Whether a line of the run reads what came in after what goes out was made."""
        return any(
            reader != carried.inside and self._line[reader] > carried.inside
            for reader in self._uses[carried.outside]
            if run.first <= reader < run.last
        )

    def _carried_out(self, entries: Sequence[tuple[int, str, str]]) -> list[Line]:
        return [Line(f"{outer} = {inner}") for _, outer, inner in entries if outer != inner]

    def _finish_runs(self, region: Region, first: Region, last: Region) -> None:
        """After the loop, variables hold the values of the last run; modules exist for every run."""
        offset = last.first - first.first
        for number in range(first.first, first.last):
            if number in self.variables:
                variable = self.variables[number]
                wanted = self._fixed.get(number + offset, variable)
                if wanted != variable:
                    self.lines.append(Line(f"{wanted} = {variable}"))
                    variable = wanted
                self.variables[number + offset] = variable
                self.names.hold(variable, self._last_use.get(number + offset, -1))
        of_first = {
            path: module
            for path, module in self.modules.items()
            if any(path.startswith(f"{each}.") for each in self._lists_of(region))
        }
        for path, module in of_first.items():
            for other, list_path in (
                (o, p) for o in region.inner[1:] for p in self._lists_of(region)
            ):
                if path.startswith(f"{list_path}.0"):
                    run = region.inner.index(other)
                    rest = path[len(list_path) + 2 :]
                    self.modules[f"{list_path}.{run}{rest}"] = module

    def _lists_of(self, region: Region) -> tuple[str, ...]:
        rolled = roll(self.typed, region)
        assert rolled is not None
        return tuple(path.removeprefix(self.prefix) for path in rolled.lists)

    # --- Modules

    def _add_module(self, path: str, expression: str) -> str:
        """The module at a path; one that another layer put there stays, and they share it."""
        return self.modules.setdefault(path.removeprefix(self.prefix), expression)

    def _access(self, path: str) -> str:
        """How `forward` reaches a submodule: `self.z["linear"]`, or from a loop's variable."""
        for list_path, run, variable in reversed(self._loops):
            inside = f"{list_path}.{run}"
            if path == inside or path.startswith(inside + "."):
                return variable + _subscripts(path[len(inside) + 1 :])
        head, _, rest = path.removeprefix(self.prefix).partition(".")
        return f"self.{head}" + _subscripts(rest)


# --- Keys and names ------------------------------------------------------------------------------


def _made(region: Region) -> tuple[int, ...]:
    """What a block returns that it made itself, each once: its class gives back nothing it was given."""
    return tuple(dict.fromkeys(n for n in region.results if n >= region.first))


def _block_key(typed: Typed, region: Region, arguments: Sequence[tuple[str, int]]) -> object:
    """What a block computes, apart from where it stands: equal keys share a class."""
    outside = {number: -1 - place for place, (_, number) in enumerate(arguments)}

    def relative(number: int) -> int:
        return number - region.first if number >= region.first else outside[number]

    nodes = tuple(
        (
            node.operation,
            tuple(relative(i) for i in node.inputs),
            node.path.removeprefix(region.path),
            typed.type(node),
        )
        for node in typed.graph.nodes[region.first : region.last]
    )
    kinds = tuple(typed.types[number] for _, number in arguments)
    return (region.name, kinds, nodes, tuple(relative(number) for number in _made(region)))


def _plain_name(node: Node) -> str:
    """A variable for a value that the spec does not name."""
    last = node.path.rpartition(".")[2] if node.path else ""
    return last if last and not last.isdigit() else node.operation.word


def _length(code: Code) -> int:
    return len(code.body) if isinstance(code, Each) else len(code.code)


def _comment(kind: Type) -> str:
    if isinstance(kind, Collection):
        return ""
    dims = ["batch", *(axis.name.rpartition(".")[2] for axis in kind.axes), str(kind.width)]
    return f"({', '.join(dims)})"


def _subscripts(rest: str) -> str:
    return "".join(f"[{p}]" if p.isdigit() else f'["{p}"]' for p in rest.split(".") if p)


def _loop_head(names: Sequence[str], lists: Sequence[str], count: int) -> str:
    if not names:
        return f"for _ in range({count}):"
    if len(names) == 1:
        return f"for {names[0]} in {lists[0]}:"
    return f"for {', '.join(names)} in zip({', '.join(lists)}, strict=True):"
