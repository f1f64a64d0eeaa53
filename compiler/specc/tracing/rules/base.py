"""Rules by the name of an aten operation, and how they read its arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..values import Dims, Facts, Value

Result = Value | tuple["Result", ...] | None
"""What a rule says of the result: a tensor, several, or nothing that holds positions."""


@dataclass(frozen=True, slots=True)
class Call:
    """An operation of the graph: its arguments by their names in aten's schema, and what comes out."""

    name: str
    arguments: Mapping[str, object]
    shapes: tuple[tuple[int, ...] | None, ...]
    """Of each result; None for one that is no tensor."""
    used: frozenset[int]
    """Which of several results are read."""
    integral: tuple[bool, ...] = ()
    """Whether each result is of integers or truth values."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the first result."""
        shape = self.shapes[0]
        assert shape is not None, "the operation gives a tensor"
        return shape

    def value(self, *names: str) -> Value:
        """A tensor, by the name that the operation has for it."""
        value = self.optional(*names)
        assert value is not None, f"{self.name} takes {names}"
        return value

    def optional(self, *names: str) -> Value | None:
        """A tensor that may be left out."""
        found = (self.arguments[name] for name in names if name in self.arguments)
        value = next(found, None)
        return value if isinstance(value, Value) else None

    def values(self, name: str) -> list[Value]:
        """A list of tensors."""
        given = self.arguments.get(name)
        return (
            [each for each in given if isinstance(each, Value)]
            if isinstance(given, (list, tuple))
            else []
        )

    def integer(self, name: str, default: int = 0) -> int:
        given = self.arguments.get(name)
        return given if isinstance(given, int) else default

    def integers(self, name: str, count: int | None = None) -> list[int]:
        """A list of integers; a single one counts `count` times, and so does a list of one."""
        given = self.arguments.get(name)
        found = (
            [given]
            if isinstance(given, int)
            else list(given)
            if isinstance(given, (list, tuple))
            else []
        )
        return found * count if count is not None and len(found) == 1 else found

    def flag(self, name: str) -> bool:
        return bool(self.arguments.get(name))

    def dim(self, value: Value, name: str = "dim", default: int = 0) -> int:
        """A dimension of a tensor, counted from the first."""
        return self.integer(name, default) % max(len(value.dims), 1)

    def dims(self, value: Value, name: str = "dim") -> list[int]:
        """Dimensions of a tensor, counted from the first; all where none is named."""
        rank = len(value.dims)
        return sorted({dim % max(rank, 1) for dim in self.integers(name)} or set(range(rank)))

    def tensors(self) -> list[Value]:
        """Every tensor among the arguments."""
        return list(values_in(tuple(self.arguments.values())))


def values_in(given: object) -> Iterator[Value]:
    """Every tensor in arguments or results, which may be nested."""
    if isinstance(given, Value):
        yield given
    elif isinstance(given, (list, tuple)):
        for each in given:
            yield from values_in(each)


Rule = Callable[[Facts, Call], Result]

RULES: dict[str, Rule] = {}
"""The rule of each operation, by its name with or without the overload: `linear`, `max.dim`."""

READS_NUMBERS: set[str] = set()
"""Operations whose rules say what becomes of integers that refer to positions; any other computes with them."""


def rule(*names: str, reads_numbers: bool = False) -> Callable[[Rule], Rule]:
    """Registers the rule of operations."""

    def register(function: Rule) -> Rule:
        for name in names:
            assert name not in RULES, f"{name} has two rules"
            RULES[name] = function
            if reads_numbers:
                READS_NUMBERS.add(name)
        return function

    return register


def pin_numbers(facts: Facts, values: Sequence[Value], reason: str) -> None:
    """Pins what integers refer to."""
    for value in values:
        if value.refers is not None:
            facts.pin(value.refers, reason)


def without_rule(facts: Facts, call: Call) -> Result:
    """Pins all that an operation touches."""
    return pin_everything(facts, call, f"`{call.name}` has no rule")


def pin_everything(facts: Facts, call: Call, reason: str) -> Result:
    """Pins all tensors and what their numbers refer to, and tells the positions of the results apart."""
    pin_numbers(facts, call.tensors(), reason)
    for value in call.tensors():
        facts.pin_all(value.dims, reason)
        facts.together(*value.dims, *value.dims)
    return fixed(facts, call, reason)


def fixed(facts: Facts, call: Call, reason: str) -> Result:
    """Results whose positions are told apart by the operation itself."""
    results = tuple(fixed_value(facts, shape, reason) for shape in call.shapes)
    return results[0] if len(results) == 1 else results


def fixed_value(facts: Facts, shape: Sequence[int] | None, reason: str) -> Value | None:
    """A result all of whose positions are told apart; None where it is no tensor."""
    if shape is None:
        return None
    dims = tuple(facts.pinned(size, reason) for size in shape)
    return Value(dims, alike=frozenset(dims), vanishes=True, bent=True)


def replaced(dims: Dims, new: Mapping[int, object]) -> Dims:
    """The dimensions with some replaced."""
    return tuple(new.get(number, term) for number, term in enumerate(dims))  # type: ignore[misc]
