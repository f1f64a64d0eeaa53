"""A package answers as the model that it was made from, in a process that has neither model nor compiler,
and refuses what the model refuses.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from networks import draw, draw_masks, make
from torch import Tensor, nn

from specc_runtime import InputError, Model, Package, load_package, package
from specc_runtime.packages import evaluated, example_of, signature_of, sizes_of

SIZES = (1, 2, 9)

# Loads packages where nothing of the compiler can be imported, and answers what was asked.
PROGRAM = """
import importlib.abc, sys

class Forbidden(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("specc", "specc_grammar"):
            raise ImportError(f"{name} is forbidden here")

sys.meta_path.insert(0, Forbidden())
import torch
from specc_runtime import load_package

for folder in sys.argv[1:]:
    loaded = load_package(f"{folder}/model.pt2")
    asked = torch.load(f"{folder}/asked.pt")
    answers = [loaded(**given) for given in asked["inputs"]]
    loaded.load_state_dict(asked["other"])
    answers.append(loaded(**asked["inputs"][0]))
    said = []
    for given in asked["wrong"]:
        try:
            loaded(**given)
            said.append("")
        except ValueError as error:
            said.append(str(error))
    torch.save({"answers": answers, "said": said}, f"{folder}/found.pt")
"""


def inputs_of(model: Model, batch: int, *, masked: bool = True) -> dict[str, Any]:
    return {**draw(model, batch), **(draw_masks(model, batch) if masked else {})}


def wrong_inputs(given: dict[str, Any]) -> list[dict[str, Any]]:
    """Each tensor once in another precision, once with a dimension too many and once cut short."""
    changes: list[Callable[[Tensor], Tensor]] = [
        lambda x: x.double(),
        lambda x: x[None],
        lambda x: x[..., :-1],
    ]
    found = []
    for name, value in given.items():
        for change in changes:
            if isinstance(value, dict):
                key = next(iter(value))
                found.append({**given, name: {**value, key: change(value[key])}})
            else:
                found.append({**given, name: change(value)})
    return found


def with_sizes(sentence: str, model: Model) -> str:
    """What a model says of a shape, with the sizes that are constants of its package."""
    for word, size in sizes_of(model).items():
        sentence = re.sub(rf"(?<=[(, ]){word}(?=[,)])", str(size), sentence)
    return sentence


@pytest.mark.slow
def test_packages_answer_in_a_process_of_their_own(tmp_path: Path) -> None:
    """One process for all: most of its time is spent importing torch."""
    models = {"graph": make("graph"), "weights": make("weights")}
    for name, model in models.items():
        (tmp_path / name).mkdir()
        package(model, tmp_path / name / "model.pt2")
        asked = {
            "inputs": [inputs_of(model, batch) for batch in SIZES]
            + [inputs_of(model, 3, masked=False)],
            "other": make(name, seed=1).state_dict(),
            "wrong": wrong_inputs(inputs_of(model, 3, masked=False)),
        }
        torch.save(asked, tmp_path / name / "asked.pt")
    folders = [str(tmp_path / name) for name in models]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *folders],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stderr
    for name, model in models.items():
        asked, found = (torch.load(tmp_path / name / f"{each}.pt") for each in ("asked", "found"))
        expected = [model(**given) for given in asked["inputs"]]
        expected.append(make(name, seed=1)(**asked["inputs"][0]))
        torch.testing.assert_close(found["answers"], expected, rtol=1e-4, atol=1e-5)
        for given, said in zip(asked["wrong"], found["said"], strict=True):
            with pytest.raises(InputError) as caught:
                model(**given)
            assert said == with_sizes(str(caught.value), model)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Package:
    model = make(SPEC)
    return load_package(package(model, tmp_path_factory.mktemp("packages") / "small.pt2"))


SPEC = """
    axis node = S(3, masked)
    space Pair { a: [node; 2]  b: [node; 2] }
    model M(p: Pair, ids: [node; index 5]) -> [node; 2] {
        z = equivariant((p.a, p.b, embedding(ids, 2)), [node; 2])
        return equivariant(dropout(relu(z)), 2)
    }
"""


@pytest.mark.slow
class TestPackage:
    """What a package is given beside wrong shapes."""

    def test_order_of_keys_and_layout_in_memory_do_not_matter(self, compiled: Package) -> None:
        model = make(SPEC).eval()
        given = inputs_of(model, 4)
        pair = given["p"]
        transposed = {key: pair[key].mT.contiguous().mT for key in ("b", "a")}
        extra = {"steps": torch.ones(4, dtype=torch.int64)}
        found = compiled(p=extra | transposed, ids=given["ids"].int(), node_mask=given["node_mask"])
        torch.testing.assert_close(found, model(**given))

    def test_arguments_by_position(self, compiled: Package) -> None:
        model = make(SPEC).eval()
        given = draw(model, 2)
        torch.testing.assert_close(compiled(*given.values()), model(**given))

    def test_gradients_are_refused(self, compiled: Package) -> None:
        given = draw(make(SPEC), 2)
        pair = given["p"]
        assert isinstance(pair, dict)
        pair["a"].requires_grad_()
        with pytest.raises(InputError, match="computes no gradients"):
            compiled(**given)
        with torch.no_grad():
            assert not compiled(**given).requires_grad

    def test_autocast_changes_nothing(self, compiled: Package) -> None:
        given: dict[str, Any] = draw(make(SPEC), 2)
        expected = compiled(**given)
        with torch.autocast("cpu", torch.bfloat16):
            torch.testing.assert_close(compiled(**given), expected, rtol=0, atol=0)
            halved = {key: value.bfloat16() for key, value in given["p"].items()}
            with pytest.raises(InputError, match="bfloat16"):
                compiled(p=halved, ids=given["ids"])

    def test_a_mask_of_another_shape(self, compiled: Package) -> None:
        with pytest.raises(InputError, match=r"`node_mask` has shape \(2, 2\)"):
            compiled(**draw(make(SPEC), 2), node_mask=torch.ones(2, 2, dtype=torch.bool))

    def test_every_parameter_can_be_replaced(self, compiled: Package) -> None:
        """Also biases, which are zero at first."""
        state = {name: value.clone() for name, value in make(SPEC).state_dict().items()}
        given = draw(make(SPEC), 2)
        before = compiled(**given)
        for name, value in state.items():
            compiled.load_state_dict({**state, name: value + 1})
            assert not torch.allclose(compiled(**given), before), name
        compiled.load_state_dict(state)
        torch.testing.assert_close(compiled(**given), before, rtol=0, atol=0)

    def test_a_state_of_another_model(self, compiled: Package) -> None:
        state = dict(make(SPEC).state_dict())
        name, value = state.popitem()
        with pytest.raises(ValueError, match=f"`{name}` is missing, not"):
            compiled.load_state_dict(state)
        with pytest.raises(ValueError, match=f"`{name}` is .*, not"):
            compiled.load_state_dict({**state, name: value[None]})

    def test_checks_of_inductor_pass_what_ours_pass(
        self, compiled: Package, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AOTI_RUNTIME_CHECK_INPUTS", "1")
        for batch in SIZES:
            compiled(**draw(make(SPEC), batch))


@pytest.mark.slow
def test_what_specc_did_not_write(tmp_path: Path) -> None:
    class Twice(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return 2 * x

    program = torch.export.export(Twice(), (torch.randn(3),))
    file = tmp_path / "twice.pt2"
    torch._inductor.aoti_compile_and_package(program, package_path=str(file))
    with pytest.raises(ValueError, match="was not written by specc"):
        load_package(file)


# --- What is compiled -----------------------------------------------------------------------------


def test_sizes_are_numbers_and_the_batch_is_free() -> None:
    model = make("graph")
    known = signature_of(model, sizes_of(model))
    assert known.inputs == {"g": {"adjacency": "batch 4 4 2", "feature": "batch 4 3"}}
    assert known.masks == {"node_mask": "batch 4"}
    free = signature_of(model, sizes_of(model), dynamic=True)
    assert free.inputs == model.inputs and free.masks == model.masks


@pytest.mark.parametrize("spec", ["sequences", "weights", "several inputs and outputs"])
def test_examples_are_what_the_model_takes(spec: str) -> None:
    model = make(spec)
    sizes = {**sizes_of(model), "step": 4, "row": 3}
    model(**example_of(signature_of(model, sizes), sizes))


def test_an_axis_of_unknown_size_is_asked_for(tmp_path: Path) -> None:
    model = make("axis n = S(4) model M(x: [n; 2]) -> [n; 3] { return linear(x, 3) }")
    with pytest.raises(ValueError, match=r"the size of `n` is not known: .* sizes=\{'n': 16\}"):
        package(model, tmp_path / "model.pt2")


def test_training_is_as_before_afterwards() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(), nn.Dropout())
    model[1].eval()
    with evaluated(model):
        assert not any(module.training for module in model.modules())
    assert [module.training for module in model.modules()] == [True, True, False, True]
