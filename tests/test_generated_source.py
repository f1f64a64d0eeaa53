"""The text of generated modules: formatted, linted, the same everywhere, importing torch and the
runtime alone, with names that Python and torch have already; golden files of four programs.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import torch
from networks import SPECS, draw, draw_masks
from programs import PROGRAMS
from varied import VARIED

import specc
from specc.api import generate
from specc_runtime import Model

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = Path(__file__).parent / "golden"

FOUR = ("digits", "graphs", "sets", "implicit")
TEXTS = {**{name: PROGRAMS[name] for name in FOUR}, **SPECS, **VARIED}


@cache
def source(name: str, standalone: bool = False) -> str:
    return generate(TEXTS[name], {}, standalone=standalone)


@pytest.fixture(scope="module", params=[False, True], ids=["", "standalone"])
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the modules of all texts."""
    folder = tmp_path_factory.mktemp("standalone" if request.param else "modules")
    for name in TEXTS:
        text = source(name, request.param)
        (folder / f"{name.replace(' ', '_')}.py").write_text(text, encoding="utf-8")
    return folder


def run_ruff(*arguments: str) -> str:
    command = [sys.executable, "-m", "ruff", *arguments, "--config", str(GOLDEN / "ruff.toml")]
    done = subprocess.run(command, capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_the_formatter_leaves_modules_as_they_are(written: Path) -> None:
    assert run_ruff("format", "--diff", str(written)) == ""


def test_the_linter_finds_nothing(written: Path) -> None:
    assert run_ruff("check", "--output-format=concise", str(written)) == ""


@pytest.mark.parametrize("name", VARIED)
def test_varied_modules_run(name: str) -> None:
    model = specc.load(VARIED[name]).M()
    outputs = model(**draw(model, 2), **draw_masks(model, 2))
    leaves: list[torch.Tensor] = torch.utils._pytree.tree_leaves(outputs)
    assert leaves and all(leaf.shape[0] == 2 and leaf.isfinite().all() for leaf in leaves)


@pytest.mark.parametrize("name", TEXTS)
def test_only_torch_and_the_runtime_are_imported(name: str) -> None:
    assert imported(source(name)) <= {"__future__", "torch", "specc_runtime"}
    assert not imported(source(name, standalone=True)) & {"specc", "specc_runtime"}


def imported(text: str) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    return found


@pytest.mark.slow
@pytest.mark.representative
def test_the_same_bytes_whatever_the_hash_seed(tmp_path: Path) -> None:
    texts = [*(PROGRAMS[name] for name in FOUR), *SPECS.values(), VARIED["masks twice"]]
    program = (
        "import hashlib, sys\nfrom specc.api import generate\n"
        "texts = sys.stdin.read().split(chr(0))\n"
        "made = ''.join(generate(text, {}, standalone=alone) for text in texts for alone in (0, 1))\n"
        "print(hashlib.sha256(made.encode()).hexdigest())"
    )
    roots = os.pathsep.join(str(ROOT / each) for each in ("compiler", "grammar", "runtime"))
    runs = [
        subprocess.run(
            [sys.executable, "-c", program],
            input="\0".join(texts),
            env={**os.environ, "PYTHONPATH": roots, "PYTHONHASHSEED": seed},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "12345")
    ]
    assert len(set(runs)) == 1


@pytest.mark.parametrize("name", FOUR)
def test_golden_files(name: str, update_golden: bool, tmp_path: Path) -> None:
    spec = tmp_path / f"{name}.spec"
    spec.write_text(PROGRAMS[name], encoding="utf-8")
    made = generate(spec, {})
    golden = GOLDEN / f"{name}.py"
    if update_golden:
        golden.write_text(made, encoding="utf-8")
    assert made == golden.read_text(encoding="utf-8"), "see --update-golden"


# --- Names that something else has ---------------------------------------------------------------

NAMES = (
    "class", "def", "lambda", "None", "self", "torch", "nn", "F", "Tensor", "Model", "Part",
    "diagonal", "concat", "range", "zip", "super", "len", "dict", "print", "factory", "device",
    "dtype", "train", "eval", "type", "float", "forward", "parameters", "state_dict", "training",
    "inputs", "masks", "compile", "reset_parameters", "keys", "values", "items", "name", "value",
    "key", "module", "shapes", "layer", "batch", "x", "y", "mix_scalar", "bias", "weight",
)  # fmt: skip

PLACES = {
    "a target": """
        model M(x: [; 3]) -> [; 2] {
            NAME = linear(x, 4)
            NAME = NAME + mlp(relu(NAME), 4, 4)
            return linear(NAME, 2)
        }
    """,
    "an input": """
        model M(NAME: [; 3], other: [; 3]) -> [; 2] { return linear(NAME * other + relu(NAME), 2) }
    """,
    "an axis": """
        axis NAME = S(4, masked)
        model M(x: [NAME, NAME; 2]) -> [NAME; 2] {
            return softmax[NAME](equivariant(relu(equivariant(x, 3)), [NAME; 2]))
        }
    """,
    "a pinned axis": """
        axis NAME = 3
        model M(x: [NAME; 2]) -> [; 2] { return invariant(relu(equivariant(coded(x), 3)), 2) }
    """,
    "a tensor": """
        axis node = S(4)
        space Space { NAME: [node, node; 2]  other: [node; 2] }
        model M(g: Space, h: Space) -> Space {
            z = linear(g * h + relu(g), 3)
            return equivariant(layer_norm(z), 2)
        }
    """,
    "a repeat": """
        model M(x: [; 3]) -> [; 3] {
            h = x
            repeat 2 as NAME { h = h + linear(relu(linear(h, 4)), 3) }
            return h
        }
    """,
    "a block": """
        block NAME(h, c) { return relu(linear(h, c)) }
        model M(x: [; 3]) -> [; 3] { return NAME(NAME(x, 4), 3) }
    """,
    "a layer": """
        model Net(x: [; 3]) -> [; 2] {
            NAME = linear(x, 4)
            return linear(relu(NAME), 2)
        }
        model M(w: weights(Net)) -> weights(Net) { return w + equivariant(linear(w, 2), 1) }
    """,
}


@pytest.mark.parametrize("place", PLACES)
def test_names_that_something_else_has_give_working_modules(place: str) -> None:
    """Or they are refused in a sentence; all names in one test, for speed."""
    broken = {}
    for name in NAMES:
        try:
            model = specc.load(PLACES[place].replace("NAME", name)).M()
            model(**draw(model, 2), **draw_masks(model, 2))
        except (specc.SpecError, specc.SpecErrors):
            continue
        except Exception as error:
            broken[name] = repr(error)
    assert broken == {}


@pytest.mark.parametrize("name", ["Tensor", "Part", "Model", "torch", "int"])
def test_a_model_may_not_hide_what_its_module_uses(name: str) -> None:
    with pytest.raises(specc.SpecError, match=f"a model cannot be called `{name}`"):
        specc.load(f"model {name}(x: [; 2]) -> [; 2] {{ return linear(x, 2) }}")


def test_names_that_are_taken_get_an_underscore() -> None:
    model: Model = specc.load(PLACES["a target"].replace("NAME", "train")).M()
    assert {name.partition(".")[0] for name in model.state_dict()} == {
        "train_",
        "train__2",
        "linear",
    }
