"""Networks written by hand in PyTorch, each beside the `.spec` text that describes it.

`symmetric` asks a network itself whether moving positions of its weights changes its function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.func import functional_call

Activation = Callable[[Tensor], Tensor]
State = dict[str, Tensor]
Dimension = tuple[str, int]
"""A dimension of a tensor of the state_dict: its name and 0, 1, ..."""


class Mlp(nn.Module):
    """fc1, fc2, ... with an activation between."""

    def __init__(self, sizes: Sequence[int], activation: Activation, bias: bool = True) -> None:
        super().__init__()
        self.activation = activation
        for k, (before, after) in enumerate(zip(sizes, sizes[1:], strict=False), start=1):
            self.add_module(f"fc{k}", nn.Linear(before, after, bias=bias))

    def forward(self, x: Tensor) -> Tensor:
        first, *others = self.children()
        x = first(x)
        for layer in others:
            x = layer(self.activation(x))
        return x


class Residual(nn.Module):
    """Two blocks that read from and add to one stream."""

    def __init__(self) -> None:
        super().__init__()
        self.start = nn.Linear(3, 4)
        self.up1, self.down1 = nn.Linear(4, 5), nn.Linear(5, 4)
        self.up2, self.down2 = nn.Linear(4, 5), nn.Linear(5, 4)
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        h = self.start(x)
        h = h + self.down1(torch.relu(self.up1(h)))
        h = h + self.down2(torch.relu(self.up2(h)))
        return self.head(h)  # type: ignore[no-any-return]


class InputResidual(nn.Module):
    """A residual sum with the input pins the stream; what is inside the block stays free."""

    def __init__(self) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(4, 5), nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.down(torch.tanh(self.up(x)))


class Blocks(nn.Module):
    """A residual stream through numbered blocks with a layer each."""

    def __init__(self) -> None:
        super().__init__()
        self.start = nn.Linear(3, 4)
        self.blocks = nn.ModuleList(nn.ModuleDict({"a": nn.Linear(4, 4)}) for _ in range(2))
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        h = self.start(x)
        for block in self.blocks:
            h = h + torch.relu(block.get_submodule("a")(h))
        return self.head(h)  # type: ignore[no-any-return]


class Recurrent(nn.Module):
    """One matrix applied again and again: its two dimensions move together."""

    def __init__(self) -> None:
        super().__init__()
        self.start, self.core, self.head = nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.tanh(self.start(x))
        for _ in range(2):
            h = torch.tanh(self.core(h))
        return self.head(h)  # type: ignore[no-any-return]


class AppliedOnce(Recurrent):
    """The same layers, but the square matrix is applied once: its dimensions are independent."""

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.tanh(self.core(torch.tanh(self.start(x)))))  # type: ignore[no-any-return]


class Siamese(nn.Module):
    """Two inputs share one encoder; two heads read the two codes: the tie merges their axes."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(3, 4)
        self.left, self.right = nn.Linear(4, 2), nn.Linear(4, 2)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.left(torch.relu(self.encoder(x))) + self.right(torch.relu(self.encoder(y)))  # type: ignore[no-any-return]


class Branches(nn.Module):
    """Two hidden layers side by side, of equal width but not tied, and a skip to the output."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.skip = nn.Linear(3, 4), nn.Linear(3, 4), nn.Linear(3, 2)
        self.left, self.right = nn.Linear(4, 2), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        a, b = torch.relu(self.a(x)), torch.sin(self.b(x))
        return self.left(a) + self.right(b) + self.skip(x)  # type: ignore[no-any-return]


class Gated(nn.Module):
    """An elementwise product makes two layers' outputs move together."""

    def __init__(self) -> None:
        super().__init__()
        self.up, self.gate, self.down = nn.Linear(3, 4), nn.Linear(3, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(self.up(x) * torch.sigmoid(self.gate(x)))  # type: ignore[no-any-return]


class Normalised(nn.Module):
    """Pre-norm residual blocks: the norms' parameters move with the stream."""

    def __init__(self, norm: Callable[[int], nn.Module]) -> None:
        super().__init__()
        self.start, self.norm1 = nn.Linear(3, 4), norm(4)
        self.up, self.down = nn.Linear(4, 5), nn.Linear(5, 4)
        self.norm2, self.head = norm(4), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        h = self.start(x)
        h = h + self.down(torch.sin(self.up(self.norm1(h))))
        return self.head(self.norm2(h))  # type: ignore[no-any-return]


class NormalisedInput(nn.Module):
    """A norm of the input and one of the output: both pinned."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.fc1 = nn.LayerNorm(3), nn.Linear(3, 4)
        self.fc2, self.norm2 = nn.Linear(4, 2), nn.LayerNorm(2)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm2(self.fc2(torch.relu(self.fc1(self.norm1(x)))))  # type: ignore[no-any-return]


class SetNetwork(nn.Module):
    """Deep Sets over (batch, node, 3): one small network for all, a mean, another."""

    def __init__(self) -> None:
        super().__init__()
        self.inner1, self.inner2 = nn.Linear(3, 4), nn.Linear(4, 4)
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.inner2(torch.relu(self.inner1(x))))
        return self.head(h.mean(dim=1))  # type: ignore[no-any-return]


class Sequence(nn.Module):
    """`nn.Sequential`, whose layers torch numbers 0, 2, 4."""

    def __init__(self) -> None:
        super().__init__()
        layers = [nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2)]
        self.net = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Network:
    """A network, the spec of the same network as model `Net`, and the free axes that it has.

    `axes` lists the sizes of the independently permuted axes: a third opinion beside the compiler's
    and the network's own.
    """

    make: Callable[[], nn.Module]
    spec: str
    axes: tuple[int, ...]
    inputs: tuple[tuple[int, ...], ...] = field(default=((3,),))


def _mlp(sizes: Sequence[int], activation: str, scale: str = "", bias: str = "") -> str:
    statements, value = [], "x"
    for k, size in enumerate(sizes[1:], start=1):
        statements.append(f"fc{k} = linear({value}, {size}{bias})")
        value = f"{activation}({scale}fc{k})"
    body = "  ".join(statements)
    return (
        f"model Net(x: [; {sizes[0]}]) -> [; {sizes[-1]}] {{ {body}  return fc{len(sizes) - 1} }}"
    )


_NORMALISED = """
    model Net(x: [; 3]) -> [; 2] {{
        start = linear(x, 4)
        norm1 = {norm}(start)
        up    = linear(norm1, 5)
        down  = linear(sin(up), 4)
        norm2 = {norm}(start + down)
        head  = linear(norm2, 2)
        return head
    }}
"""

NETWORKS: Mapping[str, Network] = {
    "linear": Network(lambda: Mlp((3, 2), torch.relu), _mlp((3, 2), "relu"), ()),
    "mlp, 1 hidden": Network(lambda: Mlp((3, 4, 2), torch.relu), _mlp((3, 4, 2), "relu"), (4,)),
    "mlp, 2 hidden": Network(
        lambda: Mlp((3, 4, 4, 2), torch.tanh), _mlp((3, 4, 4, 2), "tanh"), (4, 4)
    ),
    "mlp, 3 hidden": Network(
        lambda: Mlp((3, 4, 4, 4, 2), nn.functional.gelu), _mlp((3, 4, 4, 4, 2), "gelu"), (4, 4, 4)
    ),
    "mlp, square": Network(
        lambda: Mlp((3, 3, 3, 3), torch.tanh), _mlp((3, 3, 3, 3), "tanh"), (3, 3)
    ),
    "mlp without biases": Network(
        lambda: Mlp((3, 4, 4, 2), torch.tanh, bias=False),
        _mlp((3, 4, 4, 2), "tanh", bias=", bias = false"),
        (4, 4),
    ),
    "sine network": Network(
        lambda: Mlp((3, 4, 4, 2), lambda x: torch.sin(30 * x)),
        _mlp((3, 4, 4, 2), "sin", scale="30 * "),
        (4, 4),
    ),
    "sequential": Network(
        Sequence, "model Net(x: [; 3]) -> [; 2] { net = mlp(x, 4, 4, 2) return net }", (4, 4)
    ),
    "residual": Network(
        Residual,
        """
        model Net(x: [; 3]) -> [; 2] {
            start = linear(x, 4)
            up1   = linear(start, 5)
            down1 = linear(relu(up1), 4)
            h     = start + down1
            up2   = linear(h, 5)
            down2 = linear(relu(up2), 4)
            head  = linear(h + down2, 2)
            return head
        }
        """,
        (4, 5, 5),
    ),
    "residual with the input": Network(
        InputResidual,
        """
        model Net(x: [; 4]) -> [; 4] {
            up   = linear(x, 5)
            down = linear(tanh(up), 4)
            return x + down
        }
        """,
        (5,),
        ((4,),),
    ),
    "repeated blocks": Network(
        Blocks,
        """
        model Net(x: [; 3]) -> [; 2] {
            start = linear(x, 4)
            h = start
            repeat 2 as blocks {
                a = linear(h, 4)
                h = h + relu(a)
            }
            head = linear(h, 2)
            return head
        }
        """,
        (4,),
    ),
    "recurrent": Network(
        Recurrent,
        """
        model Net(x: [; 3]) -> [; 2] {
            start = linear(x, 4)
            h = tanh(start)
            h = tanh(linear(h, 4, name = core))
            h = tanh(linear(h, 4, name = core))
            head = linear(h, 2)
            return head
        }
        """,
        (4,),
    ),
    "applied once": Network(
        AppliedOnce,
        """
        model Net(x: [; 3]) -> [; 2] {
            start = linear(x, 4)
            core  = linear(tanh(start), 4)
            head  = linear(tanh(core), 2)
            return head
        }
        """,
        (4, 4),
    ),
    "siamese": Network(
        Siamese,
        """
        model Net(x: [; 3], y: [; 3]) -> [; 2] {
            a = relu(linear(x, 4, name = encoder))
            b = relu(linear(y, 4, name = encoder))
            left  = linear(a, 2)
            right = linear(b, 2)
            return left + right
        }
        """,
        (4,),
        ((3,), (3,)),
    ),
    "branches": Network(
        Branches,
        """
        model Net(x: [; 3]) -> [; 2] {
            a     = linear(x, 4)
            b     = linear(x, 4)
            skip  = linear(x, 2)
            left  = linear(relu(a), 2)
            right = linear(sin(b), 2)
            return left + right + skip
        }
        """,
        (4, 4),
    ),
    "gated": Network(
        Gated,
        """
        model Net(x: [; 3]) -> [; 2] {
            up   = linear(x, 4)
            gate = linear(x, 4)
            down = linear(up * sigmoid(gate), 2)
            return down
        }
        """,
        (4,),
    ),
    "layer norm": Network(
        lambda: Normalised(nn.LayerNorm), _NORMALISED.format(norm="layer_norm"), (4, 5)
    ),
    "rms norm": Network(
        lambda: Normalised(nn.RMSNorm), _NORMALISED.format(norm="rms_norm"), (4, 5)
    ),
    "normalised input": Network(
        NormalisedInput,
        """
        model Net(x: [; 3]) -> [; 2] {
            norm1 = layer_norm(x)
            fc1   = linear(norm1, 4)
            fc2   = linear(relu(fc1), 2)
            norm2 = layer_norm(fc2)
            return norm2
        }
        """,
        (4,),
    ),
    "sets": Network(
        SetNetwork,
        """
        axis node = S(5)
        model Net(x: [node; 3]) -> [; 2] {
            inner1 = linear(x, 4)
            inner2 = linear(relu(inner1), 4)
            head   = linear(mean[node](relu(inner2)), 2)
            return head
        }
        """,
        (4, 4),
        ((5, 3),),
    ),
}


# --- What a network itself says of its symmetry --------------------------------------------------


def random_network(network: Network, seed: int = 0) -> nn.Module:
    """The network in float64 with generic weights: norms and biases are drawn as well."""
    generator = torch.Generator().manual_seed(seed)
    module = network.make().double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(generator=generator)
    return module


def random_inputs(network: Network, seed: int = 1) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    shapes = [(6, *shape) for shape in network.inputs]
    return tuple(torch.randn(s, generator=generator, dtype=torch.float64) for s in shapes)


def state_of(module: nn.Module) -> State:
    return {name: tensor.detach() for name, tensor in module.state_dict().items()}


def moved(state: State, dimensions: Sequence[Dimension], image: Tensor) -> State:
    """The state with the positions of all the dimensions reordered by `image`."""
    result = dict(state)
    for name, dim in dimensions:
        result[name] = result[name].index_select(dim, image)
    return result


def symmetric(
    module: nn.Module, inputs: tuple[Tensor, ...], dimensions: Sequence[Dimension], image: Tensor
) -> bool:
    """Whether moving these positions of the weights leaves the function unchanged.

    Raises AssertionError when the difference is too small to be a change and too large for rounding.
    """
    state = state_of(module)
    with torch.no_grad():
        before = functional_call(module, state, inputs)
        after = functional_call(module, moved(state, dimensions, image), inputs)
    change = float((before - after).abs().max() / before.abs().max())
    assert change < 1e-11 or change > 1e-6, f"too close to call: {change}"
    return change < 1e-11


def dimensions_of(module: nn.Module) -> dict[Dimension, int]:
    """Every dimension of every tensor of the state_dict, and its size."""
    state = module.state_dict()
    return {(name, dim): n for name, tensor in state.items() for dim, n in enumerate(tensor.shape)}
