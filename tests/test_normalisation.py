"""Norms by statistics over positions against `torch.nn`: in training and evaluation, running statistics
included.
"""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from test_convolutions import Case, channels_last, pair, random_network
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state

import specc

CASES = {
    "batch_norm without axes": Case(lambda: nn.BatchNorm1d(4), "batch_norm(x)", 0),
    "batch_norm of one axis": Case(lambda: nn.BatchNorm1d(4), "batch_norm(x)", 1),
    "batch_norm of two axes": Case(lambda: nn.BatchNorm2d(4), "batch_norm(x)", 2),
    "batch_norm of three axes": Case(lambda: nn.BatchNorm3d(4), "batch_norm(x)", 3),
    "batch_norm, its options": Case(
        lambda: nn.BatchNorm2d(4, eps=0.1, momentum=0.3, affine=False),
        "batch_norm(x, eps = 0.1, momentum = 0.3, affine = false)",
    ),
    "batch_norm without running statistics": Case(
        lambda: nn.BatchNorm2d(4, track_running_stats=False), "batch_norm(x, track = false)"
    ),
    "batch_norm without anything": Case(
        lambda: nn.BatchNorm1d(4, affine=False, track_running_stats=False),
        "batch_norm(x, affine = false, track = false)",
        1,
    ),
    "instance_norm of one axis": Case(lambda: nn.InstanceNorm1d(4), "instance_norm(x)", 1),
    "instance_norm of two axes": Case(
        lambda: nn.InstanceNorm2d(4, affine=True), "instance_norm(x, affine = true)"
    ),
    "instance_norm of three axes": Case(
        lambda: nn.InstanceNorm3d(4, eps=0.1, affine=True),
        "instance_norm(x, eps = 0.1, affine = true)",
        3,
    ),
    "instance_norm with running statistics": Case(
        lambda: nn.InstanceNorm2d(4, momentum=0.3, track_running_stats=True),
        "instance_norm(x, momentum = 0.3, track = true)",
    ),
    "instance_norm with everything": Case(
        lambda: nn.InstanceNorm2d(4, affine=True, track_running_stats=True),
        "instance_norm(x, affine = true, track = true)",
    ),
    "group_norm without axes": Case(lambda: nn.GroupNorm(2, 4), "group_norm(x, 2)", 0),
    "group_norm of one axis": Case(lambda: nn.GroupNorm(4, 4), "group_norm(x, 4)", 1),
    "group_norm of two axes": Case(lambda: nn.GroupNorm(2, 4), "group_norm(x, groups = 2)"),
    "group_norm of three axes": Case(
        lambda: nn.GroupNorm(1, 4, eps=0.1, affine=False),
        "group_norm(x, 1, eps = 0.1, affine = false)",
        3,
    ),
}

every_case = pytest.mark.parametrize("name", CASES)


def state_of(module: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers, whatever the layer is called."""
    return {name.removeprefix("layer."): t.clone() for name, t in module.state_dict().items()}


@every_case
@pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
def test_results_gradients_and_statistics_are_those_of_torch(name: str, training: bool) -> None:
    """Two steps, each of which moves the running statistics when training."""
    theirs, ours, x = pair(CASES[name])
    theirs.train(training)
    ours.train(training)
    y = channels_last(x)
    x.requires_grad_()
    y.requires_grad_()
    for _ in range(2):
        expected, found = theirs(x).flatten(1), ours(y)
        torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-11)
        cotangent = torch.randn(expected.shape, dtype=torch.float64)
        wanted = torch.autograd.grad(expected, [x, *theirs.parameters()], cotangent)
        given = torch.autograd.grad(found, [y, *ours.parameters()], cotangent)
        torch.testing.assert_close(given[0].movedim(-1, 1), wanted[0], rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(given[1:], wanted[1:], rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(state_of(ours), state_of(theirs), rtol=1e-12, atol=1e-12)


@every_case
def test_fresh_parameters_and_statistics_are_those_of_torch(name: str) -> None:
    _, ours, _ = pair(CASES[name])
    expected = state_of(CASES[name].make().double())
    torch.testing.assert_close(state_of(type(ours)(dtype=torch.float64)), expected)
    ours.reset_parameters()  # type: ignore[operator]
    torch.testing.assert_close(state_of(ours), expected)


@pytest.mark.parametrize("name", ["batch_norm of two axes", "instance_norm with everything"])
@pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
def test_a_batch_of_networks_at_once(name: str, training: bool) -> None:
    """`vmap` over stacked parameters and statistics gives what each network alone does."""
    _, ours, x = pair(CASES[name])
    generator = torch.Generator().manual_seed(1)
    networks = [random_network(lambda: copy.deepcopy(ours), generator) for _ in range(3)]
    parameters, buffers = stack_module_state([network.train(training) for network in networks])
    ours.train(training)
    y = channels_last(x)
    found = torch.vmap(lambda p, b: functional_call(ours, (p, b), y))(parameters, buffers)
    expected = torch.stack([network(y) for network in networks])
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", ["batch_norm of one axis", "group_norm of two axes"])
def test_second_derivatives(name: str) -> None:
    _, ours, x = pair(CASES[name])
    y = channels_last(x).requires_grad_()
    ours.train()
    assert torch.autograd.gradgradcheck(lambda z: ours(z).sin().sum(), (y,), fast_mode=True)


@every_case
def test_copies_and_pickles(name: str) -> None:
    _, ours, x = pair(CASES[name])
    layer, y = ours.eval().get_submodule("layer"), channels_last(x)
    for copied in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        torch.testing.assert_close(copied(y), layer(y), rtol=0, atol=0)


def test_interchangeable_positions_stay_so() -> None:
    """Statistics treat all positions alike: the result has the symmetry of what came in."""
    text = """
        axis cloud = S(3)  axis member = S(2) in cloud
        model M(x: [cloud, member; 4]) -> [cloud, member; 4] {
            return group_norm(instance_norm(batch_norm(x)), 2)
        }
    """
    model = specc.load(text).M(dtype=torch.float64)
    x = torch.randn(5, 3, 2, 4, dtype=torch.float64)
    order = torch.tensor([2, 0, 1])
    moved = x[:, order].flip(2)
    torch.testing.assert_close(model(moved), model(x)[:, order].flip(2), rtol=1e-11, atol=1e-11)


# --- The weights of a model ------------------------------------------------------------------------

NORMALISED = """
    axis x = 6
    model Net(image: [x; 2]) -> [; 2] {
        h = relu(batch_norm(conv(image, 4, over = x, kernel = 3)))
        return linear(mean[x](h), 2)
    }
    model Score(w: weights(Net)) -> [; 1] { return invariant(relu(equivariant(w, 2)), 1) }
    model Edit(w: weights(Net)) -> weights(Net) { return w + equivariant(w, 1) }
"""


def test_running_statistics_are_weights_and_the_count_of_batches_is_none() -> None:
    module = specc.load(NORMALISED)
    names = list(module.Net().state_dict())
    counts = [name for name in names if name.endswith("num_batches_tracked")]
    assert counts == ["h.batch_norm.num_batches_tracked"]
    assert list(module.Score.inputs["w"]) == [name for name in names if name not in counts]


def test_weights_are_taken_as_torch_stacks_them() -> None:
    """The count of batches may be among them; what comes back can be loaded without it."""
    module = specc.load(NORMALISED)
    networks = [module.Net() for _ in range(3)]
    parameters, buffers = stack_module_state(networks)
    weights = {**parameters, **buffers}
    assert module.Score()(weights).shape == (3, 1)
    edited = module.Edit()(weights)
    assert set(weights) - set(edited) == {"h.batch_norm.num_batches_tracked"}
    networks[0].load_state_dict({name: tensor[0] for name, tensor in edited.items()})
