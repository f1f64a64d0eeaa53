"""Attention: with the parameters of `nn.MultiheadAttention`, grouped queries, rotary positions, memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import Field

from ..symmetry.factors import ALL_FACTORS, NO_FACTORS, Factors
from ..symmetry.terms import Term, joined, product_of
from ..types import Axis, Tensor, Type
from .attended import Attended, check_causal, check_rotary, keys, queries
from .base import Channels, Kind, Operation, Parameter, Refusal, Rules
from .broadcast import keep_enclosed, meet_with


@dataclass(frozen=True, slots=True)
class _Sizes:
    """The sizes of the projections: x and memory are so wide, every head reads `head_size` numbers."""

    width: int
    memory_width: int
    heads: int
    kv_heads: int
    head_size: int

    @property
    def rows(self) -> tuple[int, int, int]:
        """The rows of the projections to queries, keys and values."""
        kv_rows = self.kv_heads * self.head_size
        return self.heads * self.head_size, kv_rows, kv_rows


class Attention(Operation):
    """`attention(x, over = token)`: softmax attention of positions along `over` to each other.

    With `memory` it is cross-attention: keys and values come from there. Axes of x beside `over` count
    as batch.
    """

    word: ClassVar[str] = "attention"
    kinds: ClassVar[Mapping[str, Kind]] = {
        "over": Kind.AXES,
        "memory": Kind.VALUE,
        "memory_over": Kind.AXES,
    }
    parametrised: ClassVar[bool] = True

    over: tuple[str, ...]
    heads: int = Field(8, ge=1)
    causal: bool = False
    kv_heads: int | None = Field(None, ge=1)
    head_size: int | None = Field(None, ge=1)
    rotary: bool = False
    rotary_base: float = Field(10000.0, ge=1)
    memory: tuple[int, ...] | None = None
    memory_over: tuple[str, ...] | None = None
    bias: bool = True
    fused: bool = True
    dropout: float = Field(0.0, ge=0, le=1)

    # --- Types

    def result(self, inputs: tuple[Type, ...]) -> Type:
        asking, asked = self._reads(inputs)
        self._check_sizes(self._sizes(inputs), asked.tensor)
        if self.causal:
            check_causal(asking, asked)
        if self.rotary:
            check_rotary(asking, asked)
        axes = list(asking.tensor.axes)
        if self.memory is not None:
            axes = [meet_with(axis, asked.tensor) for axis in axes]
        if self.causal or self.rotary:
            axes = [a.pin() if i in asking.over else a for i, a in enumerate(axes)]
        return Tensor(keep_enclosed(tuple(axes)), asking.tensor.channels)

    def _reads(self, inputs: tuple[Type, ...]) -> tuple[Attended, Attended]:
        """What attends, and what is attended to."""
        asking = queries(inputs[0], self.over)
        if self.memory is None:
            if self.memory_over is not None:
                raise Refusal(
                    "`memory_over` says along which axes `memory` is attended to, and there is none",
                    "`memory = encoded`",
                )
            return asking, asking
        if len(self.memory) > 1:
            raise Refusal("`memory` is one value, and this is a tuple")
        return asking, keys(inputs[self.memory[0]], self.memory_over, asking)

    def _sizes(self, inputs: tuple[Type, ...]) -> _Sizes:
        asking, asked = (each.tensor for each in self._reads(inputs))
        return _Sizes(
            asking.width,
            asked.width,
            self.heads,
            self.kv_heads or self.heads,
            self.head_size or asking.width // self.heads,
        )

    def _check_sizes(self, sizes: _Sizes, memory: Tensor) -> None:
        if self.head_size is None and sizes.width % self.heads:
            raise Refusal(
                f"{sizes.width} channels cannot be shared evenly by {self.heads} heads",
                "`head_size` gives every head a size of its own",
                show_types=True,
            )
        if self.heads % sizes.kv_heads:
            raise Refusal(
                f"{self.heads} heads cannot share {sizes.kv_heads} heads of keys and values evenly"
            )
        if self.rotary and sizes.head_size % 2:
            raise Refusal(
                f"`rotary` rotates pairs, and a head has {sizes.head_size} numbers",
                "`head_size` gives every head a size of its own",
            )
        if self.fused and sizes.memory_width != sizes.width:
            raise Refusal(
                f"the one matrix of all projections reads {sizes.width} channels, and the memory "
                f"{memory} has {sizes.memory_width}",
                "`fused = false` gives each projection its own",
                show_types=True,
            )

    # --- Parameters

    def parameters(self, inputs: tuple[Type, ...], result: Type) -> tuple[Parameter, ...]:
        sizes = self._sizes(inputs)
        if self.fused:
            rows = sum(sizes.rows)
            found = [Parameter("in_proj_weight", (rows, sizes.width))]
            found += [Parameter("in_proj_bias", (rows,))] if self.bias else []
        else:
            found = []
            widths = (sizes.width, sizes.memory_width, sizes.memory_width)
            for name, count, width in zip("qkv", sizes.rows, widths, strict=True):
                found += self._projection(f"{name}_proj", count, width)
        return (*found, *self._projection("out_proj", sizes.width, sizes.rows[0]))

    def _projection(self, name: str, rows: int, columns: int) -> list[Parameter]:
        bias = [Parameter(f"{name}.bias", (rows,))] if self.bias else []
        return [Parameter(f"{name}.weight", (rows, columns)), *bias]

    @property
    def passes(self) -> Factors:
        return ALL_FACTORS

    def symmetry(
        self, rules: Rules, inputs: tuple[Channels, ...], types: tuple[Type, ...], result: Type
    ) -> Channels:
        """Heads permute; in each head its keys (jointly in queries and keys) and its values permute.

        Queries that share a head of keys permute in that head. Factors are those of what it reads and
        makes, and none of heads, keys and values.
        """
        sizes = self._sizes(types)
        head = rules.fresh(sizes.kv_heads, name="head")
        group = rules.fresh(sizes.heads // sizes.kv_heads, inside=head, name="group")
        value = rules.fresh(sizes.head_size, inside=head, name="value")
        if self.rotary:
            reason = "rotary positions turn each pair at a speed of its own"
            key = rules.pinned(sizes.head_size, reason, name="key")
        else:
            key = rules.fresh(sizes.head_size, inside=head, name="key")
        rows: tuple[Term, ...] = (
            product_of([head, group, key]),
            product_of([head, key]),
            product_of([head, value]),
        )
        for row in rows:
            rules.restrict(row, NO_FACTORS)
        x = inputs[0][""]
        memory = x if self.memory is None else inputs[self.memory[0]][""]
        if self.fused:
            parts = [(term, read) for term, read in zip(rows, (x, memory, memory), strict=True)]
            rules.stacked("in_proj_weight", parts, [(0, -1)] * len(parts))
            if self.bias:
                rules.parameter("in_proj_bias", (joined(rows),), carries=(0,))
        else:
            for name, term, read in zip("qkv", rows, (x, memory, memory), strict=True):
                self._declare(rules, f"{name}_proj", term, read, (0, -1))
        born = rules.fresh(sizes.width)
        self._declare(rules, "out_proj", born, product_of([head, group, value]), (1, 0))
        return {"": born}

    def _declare(
        self, rules: Rules, name: str, rows: Term, columns: Term, powers: tuple[int, int]
    ) -> None:
        rules.parameter(f"{name}.weight", (rows, columns), powers)
        if self.bias:
            rules.parameter(f"{name}.bias", (rows,), powers[:1])

    # --- Code

    def module(self, inputs: tuple[Type, ...], result: Type) -> str | None:
        sizes = self._sizes(inputs)
        asking, asked = self._reads(inputs)
        options = {
            "kv_heads": (sizes.kv_heads, sizes.heads),
            "head_size": (sizes.head_size, sizes.width // sizes.heads),
            "memory_width": (sizes.memory_width, sizes.width),
            "axes": (len(asking.over), 1),
            "memory_axes": (len(asked.over), len(asking.over)),
            "causal": (self.causal, False),
            "rotary_base": (self.rotary_base if self.rotary else None, None),
            "bias": (self.bias, True),
            "dropout": (self.dropout, 0.0),
        }
        written = [f"{k}={value}" for k, (value, default) in options.items() if value != default]
        name = "FusedAttention" if self.fused else "SeparateAttention"
        return (
            f"{name}({', '.join([str(sizes.width), f'heads={self.heads}', *written])}, **factory)"
        )

    def masks(self, inputs: tuple[Type, ...]) -> tuple[Axis, ...]:
        return tuple(axis for axis in self._reads(inputs)[1].axes if axis.masked)

    def call(
        self, module: str, values: tuple[str, ...], inputs: tuple[Type, ...], result: Type
    ) -> str:
        asking, asked = self._reads(inputs)
        arguments = [asking.arranged(values[0])]
        if self.memory is not None:
            arguments.append(asked.arranged(values[self.memory[0]]))
        if mask := asked.mask():
            arguments.append(f"mask={mask}")
        return asking.as_before(f"{module}({', '.join(arguments)})")

    # --- Meaning

    def reference(
        self,
        xp: Any,
        values: tuple[Any, ...],
        inputs: tuple[Type, ...],
        result: Type,
        parameters: Mapping[str, Any],
    ) -> Any:
        """Head by head: y = sum over h of out_h softmax(q_h k_h / sqrt(size)) v_h, and a bias."""
        sizes = self._sizes(inputs)
        asking, asked = self._reads(inputs)
        x = asking.sequence(values[0])
        read = values[0 if self.memory is None else self.memory[0]]
        allowed = asked.present(read, parameters).unsqueeze(-2)  # (batch, *others, 1, keys)
        memory = asked.sequence(read)
        if self.causal:
            allowed = allowed & xp.ones(x.shape[-2], memory.shape[-2]).tril().bool()
        known = self._unpacked(sizes, parameters)
        total = xp.zeros_like(x)
        for head in range(sizes.heads):
            of_keys = head // (sizes.heads // sizes.kv_heads)
            query = self._head(xp, known, "q", x, sizes, head)
            key = self._head(xp, known, "k", memory, sizes, of_keys)
            value = self._head(xp, known, "v", memory, sizes, of_keys)
            if self.rotary:
                query, key = (_rotated(xp, each, self.rotary_base) for each in (query, key))
            scores = (query @ key.transpose(-1, -2) / sizes.head_size**0.5).exp()
            scores = scores.masked_fill(~allowed, 0)
            total_score = scores.sum(-1, keepdim=True)
            read_off = scores @ value / total_score.masked_fill(total_score == 0, 1)
            columns = slice(head * sizes.head_size, (head + 1) * sizes.head_size)
            total = total + read_off @ parameters["out_proj.weight"][:, columns].T
        if self.bias:
            total = total + parameters["out_proj.bias"]
        return asking.unsequenced(total)

    def _unpacked(self, sizes: _Sizes, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters with a projection each for queries, keys and values."""
        if not self.fused:
            return dict(parameters)
        found, start = {}, 0
        for name, count in zip("qkv", sizes.rows, strict=True):
            for packed, own in (("in_proj_weight", "weight"), ("in_proj_bias", "bias")):
                if packed in parameters:
                    found[f"{name}_proj.{own}"] = parameters[packed][start : start + count]
            start += count
        return found

    def _head(
        self, xp: Any, known: Mapping[str, Any], name: str, x: Any, sizes: _Sizes, head: int
    ) -> Any:
        """What one head makes of x: `(..., positions, head_size)`."""
        rows = slice(head * sizes.head_size, (head + 1) * sizes.head_size)
        found = xp.einsum("...i,oi->...o", x, known[f"{name}_proj.weight"][rows])
        return found + known[f"{name}_proj.bias"][rows] if self.bias else found


def _rotated(xp: Any, x: Any, base: float) -> Any:
    """Entries i and n + i of position m as a complex number, times exp(i m base^(-i / n))."""
    n = x.shape[-1] // 2
    pairs = xp.complex(x[..., :n].contiguous(), x[..., n:].contiguous())
    for position in range(x.shape[-2]):
        for i in range(n):
            angle = xp.tensor(position * base ** (-i / n), dtype=x.dtype)
            pairs[..., position, i] *= xp.complex(angle.cos(), angle.sin())
    return xp.cat([pairs.real, pairs.imag], -1)
