"""Generated modules are kept as hand-written ones: built, seeded, saved, copied, loaded under other plans,
run at other widths.
"""

from __future__ import annotations

import copy
import importlib.util
import io
import pickle
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from networks import CLASSIFIER, GRAPH, SPECS, draw, draw_masks, every_spec, make, total
from torch import Tensor, nn
from torch.func import stack_module_state
from torch.utils._pytree import tree_leaves, tree_map

import specc
from specc.naming import MODULE_ATTRIBUTES, attribute
from specc_runtime import Equivariant, Model

# --- Construction --------------------------------------------------------------------------------


@every_spec
def test_parameters_are_made_in_the_dtype_and_on_the_device_that_are_asked_for(spec: str) -> None:
    plain = make(spec)
    assert isinstance(plain, nn.Module) and plain.training
    assert {p.dtype for p in plain.parameters()} == {torch.float32}
    assert {p.dtype for p in make(spec, dtype=torch.float64).parameters()} == {torch.float64}
    assert {p.device.type for p in make(spec, device="meta").parameters()} == {"meta"}
    with torch.device("meta"):
        assert {p.device.type for p in make(spec).parameters()} == {"meta"}
    assert not list(plain.buffers())


@every_spec
def test_one_seed_gives_one_module(spec: str) -> None:
    first, again, other = make(spec, seed=1), make(spec, seed=1), make(spec, seed=2)
    torch.testing.assert_close(first.state_dict(), again.state_dict(), rtol=0, atol=0)
    assert any((a != b).any() for a, b in zip(first.parameters(), other.parameters(), strict=True))


@every_spec
def test_resetting_draws_what_construction_drew(spec: str) -> None:
    fresh, module = make(spec, seed=1), make(spec, seed=2)
    for parameter in module.parameters():
        nn.init.constant_(parameter, torch.nan)
    torch.manual_seed(1)
    module.reset_parameters()
    torch.testing.assert_close(module.state_dict(), fresh.state_dict(), rtol=0, atol=0)


@every_spec
def test_a_module_is_made_on_the_meta_device_and_filled_later(spec: str) -> None:
    module = make(spec, device="meta")
    shapes: object = module(**{**on_meta(draw(module, 2)), **on_meta(draw_masks(module, 2))})
    module = module.to_empty(device="cpu")
    torch.manual_seed(3)
    module.reset_parameters()
    torch.testing.assert_close(module.state_dict(), make(spec, seed=3).state_dict())
    outputs = module(**draw(module, 2), **draw_masks(module, 2))
    assert [s.shape for s in tree_leaves(shapes)] == [o.shape for o in tree_leaves(outputs)]


def on_meta(values: dict[str, Any]) -> dict[str, Any]:
    moved: dict[str, Any] = tree_map(lambda value: value.to("meta"), values)
    return moved


@every_spec
def test_every_parameter_matters_to_the_outputs(spec: str) -> None:
    """What nothing reads would be drawn, stored and decayed for nothing."""
    module = make(spec, dtype=torch.float64)
    total(module(**draw(module, 4))).backward()
    assert all(p.grad is not None and p.grad.any() for p in module.parameters())


# --- state_dict ----------------------------------------------------------------------------------

LAYOUTS = {
    "network": {
        "h.linear.weight": (5, 6),
        "h.linear.bias": (5,),
        "h.layer_norm.weight": (5,),
        "h.layer_norm.bias": (5,),
        "stage.0.weight": (5, 5),
        "stage.0.bias": (5,),
        "stage.1.weight": (5, 5),
        "stage.1.bias": (5,),
        "mlp.0.weight": (4, 5),
        "mlp.0.bias": (4,),
        "mlp.2.weight": (3, 4),
        "mlp.2.bias": (3,),
    },
    "set": {
        "x.mix_point.weight": (4, 3),
        "x.mix_scalar.weight": (4, 3),
        "x.mix_scalar.bias": (4,),
        "invariant.mix_scalar.weight": (4, 4),
        "invariant.mix_scalar.bias": (4,),
        "mlp.0.weight": (4, 4),
        "mlp.0.bias": (4,),
        "mlp.2.weight": (2, 4),
        "mlp.2.bias": (2,),
    },
    CLASSIFIER.replace("Classifier", "M"): {
        "fc1.weight": (5, 6),
        "fc1.bias": (5,),
        "fc2.weight": (3, 5),
        "fc2.bias": (3,),
    },
}


@pytest.mark.parametrize("spec", LAYOUTS, ids=["network", "set", "classifier"])
def test_names_and_shapes_are_those_of_torch(spec: str) -> None:
    module = make(spec)
    assert {name: tuple(value.shape) for name, value in module.state_dict().items()} == LAYOUTS[
        spec
    ]
    assert list(module.state_dict()) == list(module.eval().state_dict())


@every_spec
def test_a_checkpoint_loads_under_another_plan(spec: str) -> None:
    stacked = specc.load(SPECS[spec], plan="stack").M(dtype=torch.float64)
    accumulated = specc.load(SPECS[spec], plan="accumulate").M(dtype=torch.float64)
    same = {
        "network",
        "images",
        "sequences",
        "set",
        "wreath product",
    }  # each of their products has one pool
    assert (type(stacked) is type(accumulated)) == (spec in same)
    accumulated.load_state_dict(stacked.state_dict(), strict=True)
    given = {**draw(stacked, 3), **draw_masks(stacked, 3)}
    torch.testing.assert_close(accumulated(**given), stacked(**given))


@every_spec
def test_a_checkpoint_is_saved_and_loaded(spec: str) -> None:
    module, other = make(spec, seed=1), make(spec, seed=2)
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True), strict=True)
    agree(other, module)


def agree(module: Model, other: Model, batch: int = 3) -> None:
    """Two modules give the same outputs."""
    given = {**draw(module, batch), **draw_masks(module, batch)}
    torch.testing.assert_close(module(**given), other(**given))


# --- Copies --------------------------------------------------------------------------------------

COPIES: dict[str, Callable[[nn.Module], object]] = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda module: pickle.loads(pickle.dumps(module)),
}


@every_spec
@pytest.mark.parametrize("copied", COPIES)
def test_modules_are_copied(spec: str, copied: str) -> None:
    module = make(spec)
    other = cast(Model, COPIES[copied](module))
    assert type(other) is type(module)
    agree(other, module)
    with torch.no_grad():
        next(other.parameters()).add_(1)
    assert (next(other.parameters()) != next(module.parameters())).all()


@pytest.mark.parametrize("spec", ["network", "weights"])
def test_a_module_of_a_built_file_is_unpickled_by_another_process(
    spec: str, tmp_path: Path
) -> None:
    (tmp_path / "network.spec").write_text(SPECS[spec])
    (path,) = specc.build(tmp_path / "network.spec")
    location = importlib.util.spec_from_file_location("network", path)
    assert location is not None and location.loader is not None
    sys.modules["network"] = module = importlib.util.module_from_spec(location)
    try:
        location.loader.exec_module(module)
        (tmp_path / "model.pickle").write_bytes(pickle.dumps(module.M()))
    finally:
        del sys.modules["network"]
    program = "import pickle; print(type(pickle.load(open('model.pickle', 'rb'))).__name__)"
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "M"


class _Unchanged(nn.Module):
    """In place of a layer: it keeps the channels that the next one does not expect."""

    def forward(self, x: Tensor, activation: object) -> Tensor:
        return x


def test_tracebacks_show_the_generated_source() -> None:
    module = make("set")
    module.x = _Unchanged()
    try:
        module(**draw(module, 2))
    except RuntimeError:
        shown = traceback.format_exc()
    assert 'File "<specc <text> ' in shown
    assert "    y = self.mix_scalar(x_mean)" in shown


# --- Widths --------------------------------------------------------------------------------------

OTHER_WIDTHS = {
    "set": {"point": 9},
    "wreath product": {"cloud": 5, "member": 2},
    "graph": {"node": 7},
    "several inputs and outputs": {"node": 6},
}


@pytest.mark.parametrize("spec", OTHER_WIDTHS)
def test_a_module_without_pinned_axes_runs_at_other_widths(spec: str) -> None:
    """With equal weights it is the module that is built for that width."""
    widths = OTHER_WIDTHS[spec]
    module = make(spec, dtype=torch.float64)
    text = SPECS[spec]
    for axis, size in widths.items():
        before = next(
            line for line in text.splitlines() if line.strip().startswith(f"axis {axis} ")
        )
        number = before.partition("S(")[2].partition(")")[0].partition(",")[0]
        text = text.replace(before, before.replace(f"S({number}", f"S({size}"))
    built = make(text, dtype=torch.float64)
    built.load_state_dict(module.state_dict(), strict=True)
    given = {**draw(module, 2, **widths), **draw_masks(module, 2, **widths)}
    torch.testing.assert_close(module(**given), built(**given))


def test_weights_of_wider_networks_are_read_by_the_same_module() -> None:
    module = make("weights")
    wide = specc.load(SPECS["weights"].replace("linear(image, 5)", "linear(image, 8)"))
    weights, _ = stack_module_state([wide.Classifier() for _ in range(3)])
    other = wide.M()
    other.load_state_dict(module.state_dict(), strict=True)
    torch.testing.assert_close(module(weights), other(weights))


def test_edited_weights_are_those_of_a_network() -> None:
    generated = specc.load(SPECS["edit"])
    network = generated.Classifier()
    weights, _ = stack_module_state([network])
    edited = generated.M()(weights)
    assert list(edited) == list(network.state_dict())
    network.load_state_dict({name: value[0] for name, value in edited.items()}, strict=True)


# --- basis ---------------------------------------------------------------------------------------


def test_listing_the_maps_of_a_layer_leaves_it_as_it_is() -> None:
    module = make(
        GRAPH + "model M(g: Graph) -> Graph { return equivariant(g, Graph, name = layer) }"
    )
    layer = cast(Equivariant, module.layer)
    given = draw(module, 2)
    loss = total(module(**given))
    maps = layer.basis(node=3)
    assert len(maps) == 15 + 5 + 5 + 2
    assert all(matrix.shape == (9 + 3, 9 + 3) for _, matrix in maps)
    loss.backward()  # fails if a parameter were written to
    with pytest.raises(ValueError, match=r"axes \['node'\], not \['nod'\]"):
        layer.basis(nod=3)


# --- Names ---------------------------------------------------------------------------------------


def test_names_of_submodules_hide_no_attribute() -> None:
    generated = Model()
    modules: list[object] = [
        nn.Module,
        nn.Module(),
        nn.ModuleDict,
        nn.ModuleDict(),
        Model,
        generated,
    ]
    there = {name for each in modules for name in dir(each) if not name.startswith("_")}
    assert there <= MODULE_ATTRIBUTES
    assert MODULE_ATTRIBUTES - there == frozenset()
    assert attribute("train") == "train_" and attribute("class") == "class_"
    assert attribute("fc1") == "fc1"


def test_tensors_whose_names_differ_by_a_dot_have_parameters_of_their_own() -> None:
    module = make(
        """
        model Net(x: [; 4]) -> [; 2] {
            h_linear = linear(x, 4)
            h = layer_norm(linear(h_linear, 4))
            return linear(h, 2)
        }
        model M(w: weights(Net)) -> [; 1] {
            z = relu(layer_norm(linear(w, 3)))
            return invariant(coded(z), 1)
        }
        """
    )
    weights = [name for name in module.state_dict() if name.startswith("z.linear.h_linear_weight")]
    assert weights == [
        "z.linear.h_linear_weight.weight",
        "z.linear.h_linear_weight.bias",
        "z.linear.h_linear_weight_2.weight",
        "z.linear.h_linear_weight_2.bias",
    ]
    assert len(list(module.z["linear"].children())) == len(module.inputs["w"])


# --- Arithmetic of collections -------------------------------------------------------------------


def test_a_block_may_rebind_its_parameter() -> None:
    module = make("""
        block Residual(x) {
            h = linear(x, 4)
            x = x + relu(h)
            return x
        }
        model M(x: [; 4]) -> [; 4] {
            x = Residual(x)
            y = Residual(x)
            return x + y
        }
    """)
    assert type(module.x) is type(module.y)
    given = torch.randn(3, 4)
    x = given + torch.relu(module.x.h(given))
    y = x + torch.relu(module.y.h(x))
    torch.testing.assert_close(module(given), x + y)


def test_collections_meet_tensor_by_tensor() -> None:
    """Several collections in one expression, each read where it was written."""
    text = f"""
        {CLASSIFIER}
        model M(a: weights(Classifier), b: weights(Classifier), c: weights(Classifier))
            -> weights(Classifier)
        {{
            return (a * b + c) - 0.5 * tanh((b - c) / (1 + a ^ 2)) * (c - b) / (2 + b ^ 2)
        }}
    """
    networks = [specc.load(text).Classifier() for _ in range(3)]
    a, b, c = ({n: v.detach()[None] for n, v in net.named_parameters()} for net in networks)
    found = make(text)(a, b, c)
    for n, value in found.items():
        bend = ((b[n] - c[n]) / (1 + a[n] ** 2)).tanh() * (c[n] - b[n]) / (2 + b[n] ** 2)
        torch.testing.assert_close(value, a[n] * b[n] + c[n] - 0.5 * bend)
