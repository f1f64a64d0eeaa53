"""Tables with an entry for each tensor of a model, written once for runs of a repeat that are alike.

This looks at the text alone: `"blocks.0.up": "batch blocks_0_up 32"` and its like for 1 and 2 are
`**{f"blocks.{i}.up": f"batch blocks_{i}_up 32" for i in range(3)}`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

_NUMBER = re.compile(r"(?:(?<=\.)|^)(\d+)(?=\.)")


def text_table(entries: Mapping[str, str]) -> str:
    """The dict of names and texts as code; numbers of runs may stand in both."""

    def written(text: str) -> str:
        return f'f"{text}"' if "{i}" in text else f'"{text}"'

    return _dict(_stretches(entries, _numbered_words), written)


def code_table(entries: Mapping[str, str]) -> str:
    """The dict of names and expressions as code; numbers of runs stand in names alone."""
    return _dict(_stretches(entries, _as_it_is), str)


def arranged(entries: Mapping[str, str]) -> list[str]:
    """The names in the order in which the dict of `code_table` has them."""
    return [name for stretch in _stretches(entries, _as_it_is) for name in stretch.names]


def numbered(texts: Iterable[str], paths: Iterable[str]) -> dict[str, list[str]]:
    """Texts that differ in the numbers of runs alone, by what they have in common: `blocks_i_up`."""
    starts = [re.escape(f"{path.replace('.', '_')}_" if path else "") for path in paths]
    run = re.compile(rf"\b({'|'.join(starts)})\d+_") if starts else None
    found: dict[str, list[str]] = {}
    for text in texts:
        common = run.sub(r"\1i_", text) if run else text
        found.setdefault(common, []).append(text)
    return found


def paths_of(names: Iterable[str]) -> dict[str, None]:
    """What stands before the numbers in the names of tensors: `blocks`."""
    return dict.fromkeys(
        name[: number.start()].rstrip(".") for name in names for number in _NUMBER.finditer(name)
    )


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Entries that are alike: with several, name and text have `{i}` for the numbers."""

    name: str
    text: str
    numbers: tuple[int, ...]
    names: tuple[str, ...]


Template = Callable[[str, str, str], str]
"""A text with `{i}` for the number of a run; it gets the text, the path before the number, the number."""


def _numbered_words(text: str, path: str, number: str) -> str:
    start = path.replace(".", "_")
    return re.sub(rf"(?<![^ ]){re.escape(start)}{number}_", f"{start}{{i}}_", text)


def _as_it_is(text: str, path: str, number: str) -> str:
    return text


def _stretches(entries: Mapping[str, str], template: Template) -> list[_Stretch]:
    """The entries, those together whose names count on and that are alike else, in the order of the first."""
    place = {name: number for number, name in enumerate(entries)}
    found: list[_Stretch] = []
    depth = 0
    while entries:
        families: dict[tuple[str, str], dict[int, str]] = {}
        others: dict[str, str] = {}
        for name, text in entries.items():
            numbers = list(_NUMBER.finditer(name))
            if depth >= len(numbers):
                found.append(_Stretch(name, text, (), (name,)))
                continue
            number = numbers[depth]
            before, after = name[: number.start()], name[number.end() :]
            family = f"{before}{{i}}{after}", template(text, before, number[0])
            families.setdefault(family, {})[int(number[0])] = name
        for (name, text), names in families.items():
            for _, stretch in groupby(enumerate(sorted(names)), lambda each: each[1] - each[0]):
                run = tuple(number for _, number in stretch)
                if len(run) == 1:
                    others[names[run[0]]] = entries[names[run[0]]]
                else:
                    found.append(_Stretch(name, text, run, tuple(names[n] for n in run)))
        entries, depth = others, depth + 1
    return sorted(found, key=lambda stretch: place[stretch.names[0]])


def _dict(stretches: Sequence[_Stretch], written: Callable[[str], str]) -> str:
    entries = []
    for each in stretches:
        if not each.numbers:
            entries.append(f'"{each.name}": {written(each.text)}')
            continue
        first, last = each.numbers[0], each.numbers[-1] + 1
        span = f"range({first}, {last})" if first else f"range({last})"
        entries.append(f'**{{f"{each.name}": {written(each.text)} for i in {span}}}')
    return f"{{{', '.join(entries)}}}"
