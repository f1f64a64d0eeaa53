"""Programs on complex values, for tests that hold modules against the reference evaluator."""

from __future__ import annotations

AXES = "axis wave = U(2)  axis half = SU(2)  axis ring = C(3)  axis spot = O(2)  axis flip = B(2)"

_MODELS = {
    "parts": "(x: [node; 2] complex) -> [node; 2] complex { return complex(imag(x), real(x)) - conj(x) * abs(x) + complex(abs(x)) }",
    "arithmetic": "(x: [node; 2] complex, y: [; 2]) -> [node; 2] complex { return x * y - x ^ 2 / 3 + y - 2 / (x + 9) }",
    "functions": "(x: [node; 1] complex) -> [node; 4] complex { return concat(tanh(x), exp(x), sin(x) * cos(x), abs(x)) }",
    "layers": "(x: [node; 2] complex) -> [; 3] complex { return mlp(mean[node](linear(equivariant(x, 4), 3)), 5, 3, act = tanh) }",
    "codes": "(x: [pixel; 2] complex) -> [; 2] complex { return invariant(flatten(x) |> linear(2), 2) + invariant(coded(x), 2) }",
    "mixed inputs": "(x: [node; 2], y: [node, wave; 2], z: [; 1] complex) -> [node, wave; 3], [; 2] complex { return equivariant((x, y), [node, wave; 3]), invariant((x, y, z), 2) }",
    "gates": "(x: [node, wave; 2], z: [node; 2] complex) -> [node, wave; 2], [node; 2] complex { return gate(norm_act(x)), gate(norm_act(z), act = tanh) }",
    "gates of several indices": "(x: [wave, spot, dual(wave); 2]) -> [wave, spot, dual(wave); 2] { return gate(x) }",
    "signed": "(x: [flip; 2] complex) -> [flip; 2] complex { return gate(tanh(x)) }",
    "products": "(x: [node, wave; 2], y: [node, spot; 2]) -> [node, wave, spot; 4], [node, wave, dual(wave); 4] { return outer(x, y), outer(x, conj(x)) }",
    "powers": "(x: [sym(wave, wave); 2]) -> [wave, wave; 2], [sym(wave, wave)] { return equivariant(x, [wave, wave; 2]), equivariant(x, [sym(wave, wave)]) }",
    "inner": "(x: [node, wave; 2], y: [node, wave; 1], r: [spot; 2], z: [spot; 1] complex) -> [node; 2] complex, [; 2] complex, [; 2] complex { return inner(x, y), inner(r, z), inner(z, r) }",
    "determinants": "(x: [half, half; 2]) -> [dual(half), dual(half); 2], [; 1] complex { return equivariant(x, [dual(half), dual(half); 2]), invariant(x, 1) }",
    "masks": "(x: [guest, wave; 2]) -> [guest, wave; 2], [; 2] complex { z = equivariant(gate(x), 2) return z, mean[guest](linear(inner(z, z), 2)) }",
    "rings": "(x: [ring, wave; 2]) -> [ring, wave; 3] { return equivariant(x, 3) }",
    "nested": "(x: [cloud, member, wave; 2]) -> [cloud, wave; 2] { return equivariant(x, [cloud, wave; 2]) }",
}

PROGRAMS = {f"complex, {name}": f"{AXES}\nmodel M{text}" for name, text in _MODELS.items()}
