"""Hand-written networks beside the `.spec` text that describes the same network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import nn

from . import networks


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
    "linear": Network(lambda: networks.Mlp((3, 2), torch.relu), _mlp((3, 2), "relu"), ()),
    "mlp, 1 hidden": Network(
        lambda: networks.Mlp((3, 4, 2), torch.relu), _mlp((3, 4, 2), "relu"), (4,)
    ),
    "mlp, 2 hidden": Network(
        lambda: networks.Mlp((3, 4, 4, 2), torch.tanh), _mlp((3, 4, 4, 2), "tanh"), (4, 4)
    ),
    "mlp, 3 hidden": Network(
        lambda: networks.Mlp((3, 4, 4, 4, 2), nn.functional.gelu),
        _mlp((3, 4, 4, 4, 2), "gelu"),
        (4, 4, 4),
    ),
    "mlp, square": Network(
        lambda: networks.Mlp((3, 3, 3, 3), torch.tanh), _mlp((3, 3, 3, 3), "tanh"), (3, 3)
    ),
    "mlp without biases": Network(
        lambda: networks.Mlp((3, 4, 4, 2), torch.tanh, bias=False),
        _mlp((3, 4, 4, 2), "tanh", bias=", bias = false"),
        (4, 4),
    ),
    "sine network": Network(
        lambda: networks.Mlp((3, 4, 4, 2), lambda x: torch.sin(30 * x)),
        _mlp((3, 4, 4, 2), "sin", scale="30 * "),
        (4, 4),
    ),
    "sequential": Network(
        networks.Sequential,
        "model Net(x: [; 3]) -> [; 2] { net = mlp(x, 4, 4, 2) return net }",
        (4, 4),
    ),
    "residual": Network(
        networks.Residual,
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
        networks.InputResidual,
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
        networks.Blocks,
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
        networks.Recurrent,
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
        networks.AppliedOnce,
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
        networks.Siamese,
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
        networks.Branches,
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
        networks.Gated,
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
        lambda: networks.Normalised(nn.LayerNorm), _NORMALISED.format(norm="layer_norm"), (4, 5)
    ),
    "rms norm": Network(
        lambda: networks.Normalised(nn.RMSNorm), _NORMALISED.format(norm="rms_norm"), (4, 5)
    ),
    "normalised input": Network(
        networks.NormalisedInput,
        """
        model Net(x: [; 3]) -> [; 3] {
            norm1 = layer_norm(x)
            fc1   = linear(norm1, 4)
            fc2   = linear(relu(fc1), 3)
            norm2 = layer_norm(fc2)
            return norm2
        }
        """,
        (4,),
    ),
    "sets": Network(
        networks.SetNetwork,
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
