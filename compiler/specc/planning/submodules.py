"""The submodules of a class: the tree that parameter paths make, and names for classes."""

from __future__ import annotations

from collections.abc import Mapping


def module_tree(modules: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The attributes of a class: lists for numbered paths, dicts for named ones below the first."""
    nested: dict[str, object] = {}
    for path, expression in modules.items():
        *parents, leaf = path.split(".")
        level = nested
        for part in parents:
            inner = level.setdefault(part, {})
            assert isinstance(inner, dict)
            level = inner
        level[leaf] = expression
    return tuple((name, _expression(value)) for name, value in nested.items())


def _expression(value: object) -> str:
    if isinstance(value, str):
        return value
    assert isinstance(value, dict)
    inner = {str(name): _expression(each) for name, each in value.items()}
    if not all(name.isdigit() for name in inner):
        entries = ", ".join(f'"{name}": {each}' for name, each in inner.items())
        return f"nn.ModuleDict({{{entries}}})"
    modules = list(inner.values())
    if len(set(modules)) == 1:
        return f"nn.ModuleList([{modules[0]} for _ in range({len(modules)})])"
    return f"nn.ModuleList([{', '.join(modules)}])"


def class_name(model: str, path: str) -> str:
    """`Accuracy` and `z_2` make `AccuracyZ2`."""
    words = [w for w in path.replace(".", "_").split("_") if w]
    if len(words) > 1 and path.split(".")[-1].isdigit():
        words = words[:-1]
    return model + "".join(word[:1].upper() + word[1:] for word in words)
