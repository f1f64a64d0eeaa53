"""Recurrent networks over `(batch, ..., step, channels)`, with the parameters of `torch.nn`.

All dimensions before the steps count as batch. A state is `(batch, ..., layers * directions * hidden)`,
layers first: each layer forward, then backward.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

State = tuple[Tensor, ...]
"""What a layer hands from step to step: the hidden state, and for an LSTM its cell."""


class Recurrent(nn.RNNBase):
    """What they share. `torch.nn.GRU` and its like cannot be traced by `torch.compile`, so they are none."""

    state_names: tuple[str, ...] = ("h",)

    def forward(
        self, x: Tensor, initial: Tensor | State | None = None, steps: str = "all"
    ) -> Tensor | dict[str, Tensor]:
        """What the last layer says at all steps; at the last one it reads; or the state at the end.

        Both directions stand one after the other. Of several states, as an LSTM has them, there is a dict.
        """
        rows = x.shape[:-2]
        flat = x.flatten(0, -3)
        outputs, states = self._run(flat, self._first_states(initial, flat, rows))
        if steps == "all":
            return outputs.reshape(*rows, *outputs.shape[1:])
        if steps == "last":
            return _side_by_side(states[0][-self._directions :], rows)
        ends = [_side_by_side(state, rows) for state in states]
        return ends[0] if len(ends) == 1 else dict(zip(self.state_names, ends, strict=True))

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    def _first_states(
        self, initial: Tensor | State | None, flat: Tensor, rows: torch.Size
    ) -> State:
        """Each state as torch has it, `(layers * directions, rows, hidden)`; zero where none is given."""
        count = self.num_layers * self._directions
        if initial is None:
            zero = flat.new_zeros(count, flat.shape[0], self.hidden_size)
            return (zero,) * len(self.state_names)
        states = (initial,) if isinstance(initial, Tensor) else initial
        shape = (*rows, count, self.hidden_size)
        return tuple(
            state.unflatten(-1, shape[-2:]).expand(shape).flatten(0, -3).transpose(0, 1)
            for state in states
        )

    def _weights(self) -> list[Tensor]:
        """As torch's kernels take them, read anew: `torch.func.functional_call` puts others there."""
        return [getattr(self, name) for name in self._flat_weights_names]

    def _run(self, x: Tensor, states: State) -> tuple[Tensor, State]:
        weights = self._weights()
        if any(map(torch._C._functorch.is_batchedtensor, (x, *states, *weights))):
            return self._step_by_step(x, states)  # torch's kernels know nothing of vmap
        options = (
            self.bias,
            self.num_layers,
            self.dropout,
            self.training,
            self.bidirectional,
            True,
        )
        return self._torch(x, states, weights, options)

    def _torch(
        self, x: Tensor, states: State, weights: list[Tensor], options: tuple[Any, ...]
    ) -> tuple[Tensor, State]:
        """The network by torch's own kernel."""
        raise NotImplementedError

    def _cell(self, given: Tensor, state: State, weight: Tensor, bias: Tensor | None) -> State:
        """The state after a step: `given` is what the step's input adds to the gates."""
        raise NotImplementedError

    def _step_by_step(self, x: Tensor, states: State) -> tuple[Tensor, State]:
        """The same in plain operations."""
        ends = []
        for layer in range(self.num_layers):
            if layer > 0:
                x = F.dropout(x, self.dropout, self.training)
            outputs = []
            for direction in range(self._directions):
                number = layer * self._directions + direction
                first = tuple(state[number] for state in states)
                output, end = self._scan(x, first, number, backward=direction == 1)
                outputs.append(output)
                ends.append(end)
            x = torch.cat(outputs, -1)
        return x, tuple(torch.stack(each) for each in zip(*ends, strict=True))

    def _scan(self, x: Tensor, state: State, number: int, backward: bool) -> tuple[Tensor, State]:
        """One direction of one layer: its outputs in the order of the steps, and its last state."""
        weight_ih, weight_hh, *biases = (getattr(self, name) for name in self._all_weights[number])
        bias_ih, bias_hh = biases or (None, None)
        given = F.linear(x, weight_ih, bias_ih).unbind(1)
        outputs = []
        for each in reversed(given) if backward else given:
            state = self._cell(each, state, weight_hh, bias_hh)
            outputs.append(state[0])
        return torch.stack(outputs[::-1] if backward else outputs, 1), state


class RNN(Recurrent):
    """`nn.RNN`: h = act(W x + b + U h + d)."""

    def __init__(
        self, input_size: int, hidden_size: int, nonlinearity: str = "tanh", **options: Any
    ) -> None:
        mode = f"RNN_{nonlinearity.upper()}"
        super().__init__(mode, input_size, hidden_size, batch_first=True, **options)

    def _torch(
        self, x: Tensor, states: State, weights: list[Tensor], options: tuple[Any, ...]
    ) -> tuple[Tensor, State]:
        kernel = torch.rnn_tanh if self.mode == "RNN_TANH" else torch.rnn_relu
        outputs, h = kernel(x, states[0], weights, *options)
        return outputs, (h,)

    def _cell(self, given: Tensor, state: State, weight: Tensor, bias: Tensor | None) -> State:
        act = torch.tanh if self.mode == "RNN_TANH" else torch.relu
        return (act(given + F.linear(state[0], weight, bias)),)


class GRU(Recurrent):
    """`nn.GRU`: gates r and z, n = tanh(W x + b + r (U h + d)), h = (1 - z) n + z h."""

    def __init__(self, input_size: int, hidden_size: int, **options: Any) -> None:
        super().__init__("GRU", input_size, hidden_size, batch_first=True, **options)

    def _torch(
        self, x: Tensor, states: State, weights: list[Tensor], options: tuple[Any, ...]
    ) -> tuple[Tensor, State]:
        outputs, h = torch.gru(x, states[0], weights, *options)
        return outputs, (h,)

    def _cell(self, given: Tensor, state: State, weight: Tensor, bias: Tensor | None) -> State:
        (h,) = state
        reset, update, new = F.linear(h, weight, bias).chunk(3, -1)
        reset_given, update_given, new_given = given.chunk(3, -1)
        n = torch.tanh(new_given + torch.sigmoid(reset_given + reset) * new)
        return (n + torch.sigmoid(update_given + update) * (h - n),)


class LSTM(Recurrent):
    """`nn.LSTM`: gates i, f and o, c = f c + i tanh(W x + b + U h + d), h = o tanh(c)."""

    state_names = ("h", "c")

    def __init__(self, input_size: int, hidden_size: int, **options: Any) -> None:
        super().__init__("LSTM", input_size, hidden_size, batch_first=True, **options)

    def _torch(
        self, x: Tensor, states: State, weights: list[Tensor], options: tuple[Any, ...]
    ) -> tuple[Tensor, State]:
        outputs, h, c = torch.lstm(x, states, weights, *options)
        return outputs, (h, c)

    def _cell(self, given: Tensor, state: State, weight: Tensor, bias: Tensor | None) -> State:
        h, c = state
        i, f, g, o = (given + F.linear(h, weight, bias)).chunk(4, -1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c


def _side_by_side(states: Tensor, rows: torch.Size) -> Tensor:
    """`(count, rows, hidden)` as `(*rows, count * hidden)`."""
    return states.transpose(0, 1).reshape(*rows, states.shape[0] * states.shape[2])
