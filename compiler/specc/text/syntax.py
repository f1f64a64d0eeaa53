"""The syntax of a specification: frozen trees, one class for each form of the grammar, in its order.

Nothing here knows what a name means. `parse` makes these trees, `resolve` and `elaborate` read them.
`x |> f |> g(8)` has no form of its own: the parser writes it as `g(f(x), 8)`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..errors import Source, Span


def _span() -> Span:
    """A span that is carried along and takes no part in equality."""
    return field(compare=False, repr=False)  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Identifier:
    """A name where it is written. `fc1.weight` is one identifier where a tensor of a space is declared."""

    text: str
    span: Span = _span()


# --- Expressions ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Number:
    """`3`, `0.01`, `1e-3`: an integer where it is written as one."""

    value: int | float
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Boolean:
    """`true` or `false`."""

    value: bool
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class String:
    """`"text"`, without its quotes."""

    value: str
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Name:
    """A name that stands for a value, a size, an axis, a type or an operation."""

    text: str
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Attribute:
    """`g.adj`: a tensor taken out of a collection. `w.fc1.weight` is two of them, one in the other."""

    value: Expression
    name: Identifier
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Indexed:
    """`d[i, j, c]`: a value position by position (index notation)."""

    value: Expression
    indices: tuple[Identifier, ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Bracket:
    """`[a, b; c]`, a tensor type, or `[y, x]`, a list of axes; `[token; index 64]` sets `index`.

    `channels` is None when there is no `;`. `[; 10]` has no entries. As an argument it may have
    `displacement` or `complex` after it; where a type is declared, the `Type` says so.
    """

    entries: tuple[Expression, ...]
    channels: Expression | None
    index: bool
    span: Span = _span()
    displacement: bool = False
    complex: bool = False


@dataclass(frozen=True, slots=True)
class Product:
    """`(head key)`: axes stored flattened into one, row-major; `(head group (a + b))` has a sum `within`."""

    factors: tuple[Identifier, ...]
    within: Expression | None
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Tuple:
    """`(x, y)`: several values together."""

    items: tuple[Expression, ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Keyword:
    """`name = value` among the arguments of a call."""

    name: Identifier
    value: Expression
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Call:
    """`f(x, 8, act = relu)`, `sum[c](x)` (with `axes`), `Graph(; 32)` and `weights(M; c)` (with `channels`)."""

    function: Identifier
    axes: tuple[Identifier, ...] | None
    arguments: tuple[Expression, ...]
    keywords: tuple[Keyword, ...]
    channels: Expression | None
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Negative:
    """`-x`."""

    operand: Expression
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Binary:
    """`x + y` and its kin; `operator` is one of `+ - * / // % ^`."""

    operator: str
    left: Expression
    right: Expression
    span: Span = _span()


Expression = (
    Number
    | Boolean
    | String
    | Name
    | Attribute
    | Indexed
    | Bracket
    | Product
    | Tuple
    | Call
    | Negative
    | Binary
)


@dataclass(frozen=True, slots=True)
class Type:
    """A type where one is declared: `[a; 3]`, `Graph(; 32)`, `weights(M)`; `displacement` or `complex`
    may follow."""

    value: Expression
    displacement: bool
    span: Span = _span()
    complex: bool = False


# --- Statements ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Target:
    """The left side of `=`: `z`, or `d[i, j, c]` with its indices."""

    name: Identifier
    indices: tuple[Identifier, ...] | None
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Assign:
    """`z = expression`, or `x, v = expression` with several targets."""

    targets: tuple[Target, ...]
    value: Expression
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Repeat:
    """`repeat count as path { body }`; `path` is None without `as`."""

    count: Expression
    path: Identifier | None
    body: tuple[Statement, ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Return:
    """`return x, v`."""

    values: tuple[Expression, ...]
    span: Span = _span()


Statement = Assign | Repeat | Return


# --- Declarations --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Param:
    """`param width = 64`."""

    name: Identifier
    value: Expression
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Axis:
    """`axis node = S(32, masked)`, `axis key = S(8) in head`, `axis l1 = R spin 1 odd`, `axis v = O(3) fixing (0, 0, 1)`,
    `axis leg = Mirror by <(1 2)>`."""

    name: Identifier
    value: Expression
    parent: Identifier | None
    spin: Expression | None
    parity: Identifier | None
    fixing: tuple[Expression, ...] | None
    by: Cycles | Matrices | None
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Cycle:
    """`(1 2 3)`: positions count from 1; `()` is the identity."""

    positions: tuple[Number, ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Cycles:
    """`<(1 2)(3 4), (1 3)(2 4)> on 8`: each generator is a product of cycles."""

    generators: tuple[tuple[Cycle, ...], ...]
    degree: Expression | None
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Matrices:
    """`matrices { [[0, 1], [1, 0]], ... } lie`: generators, or with `lie` a basis of the Lie algebra."""

    matrices: tuple[tuple[tuple[Expression, ...], ...], ...]
    lie: bool
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Group:
    """`group R = SO(3)`, `group Quarter on (y, x) = <...>`."""

    name: Identifier
    axes: tuple[Identifier, ...]
    value: Expression | Cycles | Matrices
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Field:
    """`adjacency: [node, node; 2]` in a space; `below` are the types of what is stored after it, `+ [...]`."""

    name: Identifier
    type: Type
    below: tuple[Type, ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Space:
    """`space Graph { ... }`."""

    name: Identifier
    tensors: tuple[Field, ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Model:
    """`model Name(x: TYPE, ...) -> TYPE, ... { body }`."""

    name: Identifier
    parameters: tuple[Field, ...]
    outputs: tuple[Type, ...]
    body: tuple[Statement, ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Block:
    """`block Name(x, width) { body }`."""

    name: Identifier
    parameters: tuple[Identifier, ...]
    body: tuple[Statement, ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Import:
    """`from "other.spec" import A, B`."""

    path: String
    names: tuple[Identifier, ...]
    span: Span = _span()


Declaration = Param | Axis | Group | Space | Model | Block | Import


@dataclass(frozen=True, slots=True)
class File:
    """A whole specification, its declarations in the order of the text."""

    source: Source = field(compare=False, repr=False)
    declarations: tuple[Declaration, ...]
