"""Specifications whose modules have lines to be broken in every way: long names, deep arithmetic, wide
joins, long collections, nested repeats and blocks.
"""

LONG = "a_remarkably_long_name_for_a_value_that_nobody_would_write_by_hand_but_somebody_will"
"""84 letters; with `self.` and a call a line has no room for anything else."""


def _space(count: int, axes: str, channels: int = 2) -> str:
    tensors = "\n".join(f"tensor_number_{n}: [{axes}; {channels}]" for n in range(count))
    return f"axis node = S(5)\naxis edge = S(4)\nspace Many {{\n{tensors}\n}}\n"


def _sum(count: int) -> str:
    return " + ".join(f"relu(linear(x, 4, name = branch_{n}))" for n in range(count))


VARIED: dict[str, str] = {
    "long names of values": f"""
        model M({LONG}: [; 4]) -> [; 4] {{
            {LONG}_too = linear({LONG}, 4)
            return relu({LONG}_too) + {LONG}_too * {LONG}_too
        }}
    """,
    "long names of axes": f"""
        axis {LONG} = S(4)
        model M(x: [{LONG}, {LONG}; 2]) -> [{LONG}; 2] {{
            return equivariant(relu(equivariant(x, 4)), [{LONG}; 2])
        }}
    """,
    "long names of masks": f"""
        axis {LONG} = S(4, masked)
        axis inner = S(3, masked) in {LONG}
        model M(x: [{LONG}, inner; 2]) -> [{LONG}; 2] {{
            return max[inner](softmax[inner](equivariant(x, 2)))
        }}
    """,
    "long names of models": f"""
        model M_{LONG}(x: [; 4]) -> [; 4] {{ return linear(x, 4) }}
        model M(w: weights(M_{LONG})) -> [; 1] {{ return invariant(w, 1) }}
    """,
    "long names of tensors": f"""
        axis node = S(4)
        space Long {{ {LONG}: [node, node; 2]  {LONG}_too: [node; 2] }}
        model M(g: Long) -> Long {{ return relu(equivariant(g, Long)) }}
    """,
    "many tensors": _space(12, "node")
    + "model M(g: Many) -> Many(; 3) { return equivariant(relu(equivariant(g, 3)), 3) }",
    "many tensors of two axes": _space(5, "node, edge")
    + "model M(g: Many) -> [; 3] { return invariant(relu(equivariant(g, 3)), 3) }",
    "many tensors of an axis twice": _space(3, "node, node")
    + "model M(g: Many) -> Many { return g + equivariant(g, 2) }",
    "a long sum": f"model M(x: [; 4]) -> [; 4] {{ return {_sum(9)} }}",
    "a long product": """
        model M(x: [; 4]) -> [; 4] {
            value = linear(x, 4)
            return value * sin(value) * cos(value) * tanh(value) * exp(value) * sigmoid(value) / 2 / (1 + value ^ 2)
        }
    """,
    "deep arithmetic": """
        model M(first: [; 4], second: [; 4], third: [; 4]) -> [; 4] {
            return -((first + second) * (first - second) / (2 + third ^ 2) - (third * (first + second * (third - first * (second + 1))) ^ 2)) * 0.5
        }
    """,
    "deep calls": """
        model M(x: [; 4]) -> [; 4] {
            return sigmoid(leaky_relu(sin(linear(gelu(silu(mish(softplus(linear(elu(celu(selu(x))), 8)))), approximate = "tanh"), 4)), negative_slope = 0.2))
        }
    """,
    "a long name of a chain": f"""
        model M(x: [; 4]) -> [; 4] {{
            {LONG} = sigmoid(leaky_relu(sin(linear(gelu(silu(mish(softplus(linear(elu(celu(x)), 8))))), 4))))
            return {LONG}
        }}
    """,
    "a wide join": f"""
        model M({", ".join(f"input_number_{n}: [; 4]" for n in range(9))}) -> [; 4] {{
            return linear(concat({", ".join(f"relu(input_number_{n})" for n in range(9))}), 4)
        }}
    """,
    "a join of axes": """
        axis row = S(3)  axis column = S(4)
        model M(table: [row, column; 2], rows: [row; 3], columns: [column; 4], one: [; 5]) -> [row, column; 2] {
            return linear(concat(table, relu(rows), tanh(columns), sigmoid(one), 2 * one), 2)
        }
    """,
    "a tuple": """
        axis node = S(4)
        space Graph { adjacency: [node, node; 2]  feature: [node; 3] }
        model M(first_graph: Graph, second_graph: Graph, label: [node; 2]) -> Graph(; 3), [node; 1] {
            z = relu(equivariant((first_graph, second_graph.feature, label), Graph(; 3)))
            return equivariant(z, 3), equivariant((z, label), [node; 1])
        }
    """,
    "collections meet": """
        model Net(x: [; 4]) -> [; 2] { return mlp(x, 5, 2) }
        model M(first: weights(Net), second: weights(Net), third: weights(Net)) -> weights(Net) {
            both = linear(first * second + third, 1) - 0.5 * tanh(linear(second - third, 1) / (1 + first ^ 2))
            return 0.1 * both + relu(both * first) * sigmoid(both + second) - third
        }
    """,
    "concat of collections": """
        model Net(x: [; 4]) -> [; 2] { return mlp(x, 5, 2) }
        model M(first: weights(Net), second: weights(Net), third: weights(Net)) -> weights(Net; 2) {
            return linear(concat(first, second, third, relu(first), tanh(second), sigmoid(third), first * second), 2)
        }
    """,
    "a broadcast into a collection": """
        axis node = S(4)
        axis edge = S(3)
        space Graph { on_nodes: [node; 2]  on_edges: [edge; 2]  between_them: [node, edge; 2] }
        model M(g: Graph, scale: [; 2], label: [; 2]) -> Graph {
            return g * (1 + scale) + relu(linear(g, 2)) * sigmoid(label + scale) - label
        }
    """,
    "a deep network": """
        param depth = 12
        model Net(x: [; 4]) -> [; 2] {
            h = linear(x, 5)
            repeat depth { h = h + relu(linear(h, 5)) }
            return linear(h, 2)
        }
        model M(w: weights(Net)) -> weights(Net) { return w + equivariant(relu(equivariant(w, 2)), 1) }
    """,
    "nested repeats": """
        model M(x: [; 4]) -> [; 4] {
            h = linear(x, 6)
            repeat 3 as outer {
                a = layer_norm(h)
                repeat 2 as inner { a = relu(linear(a, 6, name = up)) + linear(layer_norm(a), 6, name = down) }
                h = h + a
            }
            return linear(h, 4)
        }
    """,
    "blocks in blocks": """
        axis node = S(4)
        block Update(features_of_nodes, width) { return features_of_nodes + relu(equivariant(layer_norm(features_of_nodes), width)) }
        block Stage(features_of_nodes, width) {
            first = Update(features_of_nodes, width)
            second = Update(first, width)
            return first, first + second
        }
        model M(x: [node; 3]) -> [node; 6], [; 2] {
            h = linear(x, 6)
            repeat 2 { a, h = Stage(h, 6) }
            b, c = Stage(h, 6)
            return a + b, mlp(mean[node](c), 4, 2)
        }
    """,
    "codes": """
        axis pixel_of_the_input = 7  axis colour = 3
        space Image { picture_in_colours: [pixel_of_the_input, colour; 2]  grey: [pixel_of_the_input; 2] }
        model M(image: Image) -> [; 2] { return invariant(relu(equivariant(coded(linear(image, 4)), 4)), 2) }
    """,
    "pinned axes": """
        axis place = 3  axis node = S(4)  axis other = 2
        model M(x: [place, node, other; 2]) -> [other, node, place; 2] {
            return equivariant(relu(equivariant(x, 3)), [other, node, place; 2])
        }
    """,
    "four axes": """
        axis a = S(3)  axis b = S(4)
        model M(x: [a, b, a, b; 1]) -> [b, a; 1] { return equivariant(x, [b, a; 1]) }
    """,
    "masks twice": """
        axis node = S(4, masked)  axis edge = S(5, masked)
        model M(x: [node, edge, node; 2], y: [edge; 2]) -> [edge, node; 2] {
            z = relu(equivariant((x, y), [node, edge; 3]))
            return equivariant(softmax[node](z) + mean[node](z), [edge, node; 2])
        }
    """,
    "masks only in the output": """
        axis node = S(4, masked)
        model M(x: [; 2]) -> [node, node; 2] { return equivariant(x, [node, node; 2]) }
    """,
    "no channels": """
        axis node = S(4)
        space Bare { adjacency: [node, node]  label: [node] }
        model M(g: Bare, x: [node]) -> Bare, [node] {
            z = relu(equivariant((g, x), Bare(; 2)))
            return equivariant(z, Bare), equivariant(z, [node])
        }
    """,
    "no parameters": """
        axis node = S(4)
        model M(x: [node; 2], y: [node; 2]) -> [; 2] { return mean[node](x * y) - max[node](x) }
    """,
    "norms and dropout": """
        model M(x: [; 4]) -> [; 4] {
            return dropout(rms_norm(layer_norm(linear(x, 8), eps = 0.001), eps = 1e-7), 0.1) |> linear(4, bias = false)
        }
    """,
    "many models": "\n".join(
        f"model Model_number_{n}(x: [; 4]) -> [; 4] {{ return linear(x, 4) }}" for n in range(9)
    )
    + "\nmodel M(x: [; 4]) -> [; 4] { return linear(x, 4) }",
    "a shared layer": """
        axis node = S(4)
        space Graph { adjacency: [node, node; 2]  feature: [node; 2] }
        model M(g: Graph) -> Graph(; 1) {
            z = mlp(g, 8, 8, 1, act = silu, shared = true)
            return linear(relu(linear(z, 4, shared = true, name = tied)), 1, shared = true)
        }
    """,
}
"""Each has a model `M`."""
