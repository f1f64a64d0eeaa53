"""Recurrent layers and cells: gates one after the other, hidden positions that move together in all."""

from __future__ import annotations

from ...symmetry.terms import Atom, Term
from ..values import Dims, Facts, Value
from .base import Call, Result, rule

GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}


@rule("lstm", "gru", "rnn_tanh", "rnn_relu")
def recurrent(facts: Facts, call: Call) -> Result:
    """Layers in one or two directions, `(step, batch, features)` or with the batch first.

    Parameters of each direction of each layer: input to gates, state to gates, their biases, and for an
    LSTM with projection the projection.
    """
    value = call.value("input")
    states = call.values("hx") or [call.value("hx")]
    step = 1 if call.flag("batch_first") else 0
    facts.pin(value.dims[step], "steps come in their order")
    ends = 2 if call.flag("bidirectional") else 1
    layers = call.integer("num_layers", 1)
    params = call.values("params")
    each = len(params) // (layers * ends)
    features: Term = value.dims[-1]
    last: list[list[Term]] = [[] for _ in states]
    gate = facts.pinned(GATES[call.name], "gates are told apart")
    batch = value.dims[1 - step]
    for held in states:
        facts.same(held.dims[1], batch)
    for layer in range(layers):
        written: list[Term] = []
        for end in range(ends):
            number = layer * ends + end
            own = params[number * each : (number + 1) * each]
            given = [facts.at(state.dims, 0, number)[-1] for state in states]
            made = _direction(facts, gate, features, given, own)
            facts.together(*value.dims[:2], gate, made[-1], made[-1], features, made[0])
            written.append(made[0])
            for found, state in zip(last, made, strict=True):
                found.append(state)
        features = facts.joined(written)
    kept = (*value.dims[:-1], features)
    return Value(kept), *(Value(_states(facts, found, batch)) for found in last)


def _states(facts: Facts, found: list[Term], batch: Term) -> Dims:
    stack, dims = facts.stacked([(batch, term) for term in found], "layers and directions")
    return (stack, *dims)


def _direction(
    facts: Facts, gate: Atom, features: Term, given: list[Term], own: list[Value]
) -> list[Term]:
    """The terms of the states that come out: the visible one, and for an LSTM its cell."""
    rows, state = own[0].dims[0], own[1].dims[1]
    hidden = facts.fresh(rows.size // gate.size)
    facts.called(hidden, "hidden")
    for each in own if len(own) % 2 == 0 else own[:-1]:
        facts.same(each.dims[0], facts.merged([gate, hidden]))
    facts.same(own[0].dims[1], features)
    if len(own) % 2:
        facts.same(own[-1].dims[1], hidden)
        facts.same(own[-1].dims[0], state)
    else:
        facts.same(state, hidden)
    facts.same(given[0], state)
    for cell in given[1:]:
        facts.same(cell, hidden)
    return [state, hidden][: len(given)]


@rule("lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell")
def cell(facts: Facts, call: Call) -> Result:
    """One step of one layer."""
    value = call.value("input")
    states = call.values("hx") or [call.value("hx")]
    rows = call.value("w_ih").dims[0]
    gate = facts.pinned(GATES[call.name.removesuffix("_cell")], "gates are told apart")
    hidden = facts.fresh(rows.size // gate.size)
    for name in ("w_ih", "w_hh", "b_ih", "b_hh"):
        weight = call.optional(name)
        if weight is not None:
            facts.same(weight.dims[0], facts.merged([gate, hidden]))
    facts.same(call.value("w_ih").dims[1], value.dims[-1])
    facts.same(call.value("w_hh").dims[1], states[0].dims[-1])
    for state in states if gate.size == 3 else states[1:]:
        facts.same(state.dims[-1], hidden)
    for state in states:
        facts.broadcast([value.dims[:-1], state.dims[:-1]])
    facts.together(*value.dims, gate, hidden, states[0].dims[-1])
    made = Value((*value.dims[:-1], hidden))
    return made if len(call.shapes) == 1 else (made, made)
