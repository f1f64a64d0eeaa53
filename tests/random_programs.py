"""Random programs that use names, blocks and repeats in every way the language allows.

Tensors `[node; 2]` are called x, y, z, u, v; collections `Pair` are g, h. All programs check, and a
name is read where some path binds it. Numbers stay small: what could grow passes a sine.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass

TENSORS = ("x", "y", "z", "u", "v")
COLLECTIONS = ("g", "h")
MOST_CHARACTERS = 700
"""Of a program: longer ones compute what rounding decides."""

DECLARATIONS = """
axis node = S(3)
space Pair { a: [node, node; 2]  b: [node; 2] }
"""


@dataclass(frozen=True, slots=True)
class Block:
    """A block that takes tensors and returns tensors."""

    name: str
    arguments: int
    results: int


def random_program(seed: int) -> str:
    """The text of a program with a model `M`; the same for one seed on every machine."""
    rng = random.Random(seed)
    while True:
        text = _Writer(rng).program()
        if len(text) <= MOST_CHARACTERS:
            return text


class _Writer:
    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._blocks: list[Block] = []
        self._paths = 0

    def program(self) -> str:
        blocks = [self._block(f"B{n}") for n in range(self._rng.randint(0, 3))]
        body: list[str] = []
        names = self._statements({"x", "y", "g"}, 0, self._rng.randint(1, 4), body)
        results = [self._tensor(names, 1) for _ in range(self._rng.randint(1, 2))]
        kinds = ["[node; 2]"] * len(results)
        if self._rng.random() < 0.3:
            results.append(self._collection(names, 1))
            kinds.append("Pair")
        model = f"model M(x: [node; 2], y: [node; 2], g: Pair) -> {', '.join(kinds)} {{"
        end = f"return {', '.join(results)}"
        return "\n".join([DECLARATIONS, *blocks, model, *body, end, "}"])

    def _block(self, name: str) -> str:
        arguments, results = self._rng.randint(1, 2), self._rng.randint(1, 2)
        body: list[str] = []
        names = self._statements(TENSORS[:arguments], 1, self._rng.randint(0, 3), body)
        returned = [self._tensor(names, self._rng.randint(0, 1)) for _ in range(results)]
        self._blocks.append(Block(name, arguments, results))
        body.append(f"return {', '.join(returned)}")
        return f"block {name}({', '.join(TENSORS[:arguments])}) {{ {'  '.join(body)} }}"

    def _statements(
        self, bound: Iterable[str], depth: int, count: int, body: list[str]
    ) -> set[str]:
        names = set(bound)
        for _ in range(count):
            kind = self._rng.random()
            pairs = [block for block in self._blocks if block.results == 2]
            if kind < 0.25 and depth < 2:
                body.append(self._repeat())
                names = self._statements(names, depth + 1, self._rng.randint(1, 3), body)
                body.append("}")
            elif kind < 0.4 and pairs:
                first, second = self._rng.sample(TENSORS, 2)
                body.append(f"{first}, {second} = {self._call(self._rng.choice(pairs), names, 1)}")
                names |= {first, second}
            elif kind < 0.5 and "g" in names:
                target = self._rng.choice(COLLECTIONS)
                body.append(f"{target} = {self._collection(names, self._rng.randint(0, 2))}")
                names.add(target)
            else:
                target = self._rng.choice(TENSORS)
                body.append(f"{target} = {self._tensor(names, self._rng.randint(0, 3))}")
                names.add(target)
        return names

    def _repeat(self) -> str:
        self._paths += 1
        path = f" as s{self._paths}" if self._rng.random() < 0.5 else ""
        return f"repeat {self._rng.choice((1, 2, 2, 3))}{path} {{"

    def _call(self, block: Block, names: set[str], depth: int) -> str:
        given = [self._tensor(names, depth) for _ in range(block.arguments)]
        return f"{block.name}({', '.join(given)})"

    def _tensor(self, names: set[str], depth: int) -> str:
        """An expression for a tensor, at most `depth` operations deep."""
        known = sorted(names & set(TENSORS))
        if depth == 0 or self._rng.random() < 0.2:
            return self._rng.choice(known)
        a, b = self._tensor(names, depth - 1), self._tensor(names, depth - 1)
        options = [
            f"sin({a})",
            f"tanh({a})",
            f"linear({a}, 2)",
            f"equivariant({a}, 2)",
            f"({a} - {b})",
            f"({a} + {b})",
            f"(2 * sin({a}) - {b})",
            f"(-{a} / 2)",
            f"(1 - {a})",
            f"({a} - mean[node]({b}))",
            f"linear(concat({a}, {b}), 2)",
        ]
        options += [self._call(each, names, depth - 1) for each in self._blocks if each.results < 2]
        if names & set(COLLECTIONS):
            collection = self._collection(names, depth - 1)
            options += [f"{collection}.b", f"equivariant(({a}, {collection}), [node; 2])"]
        return self._rng.choice(options)

    def _collection(self, names: set[str], depth: int) -> str:
        known = sorted(names & set(COLLECTIONS))
        if depth == 0 or self._rng.random() < 0.2:
            return self._rng.choice(known)
        a, b = self._collection(names, depth - 1), self._collection(names, depth - 1)
        value = self._tensor(names, depth - 1)
        options = [
            f"sin({a})",
            f"linear({a}, 2)",
            f"equivariant({a}, 2)",
            f"({a} - {b})",
            f"(2 * sin({a}) - {b} / 2)",
            f"Pair(a = {a}.a, b = {value})",
            f"linear({a}, 2, shared = true)",
        ]
        return self._rng.choice(options)
