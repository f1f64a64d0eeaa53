"""The target programs of the language's design, as text: each must parse as it stands."""

PROGRAMS: dict[str, str] = {
    "convolutions": """\
# Small convolutional networks, with and without residual connections, and a predictor of their test accuracy.

axis y = 28
axis x = 28

model SmallCnn(image: [y, x; 1]) -> [; 10] {
    conv1 = conv(image, 16, over = [y, x], kernel = 3, stride = 2)
    conv2 = conv(relu(conv1), 16, over = [y, x], kernel = 3, stride = 2)
    conv3 = conv(relu(conv2), 16, over = [y, x], kernel = 3, stride = 2)
    head  = linear(mean[y, x](relu(conv3)), 10)
    return head
}

block Residual(h, c) {
    a = relu(batch_norm(conv(h, c, over = [y, x], kernel = 3, padding = 1)))
    b = batch_norm(conv(a, c, over = [y, x], kernel = 3, padding = 1))
    return relu(h + b)
}

model ResNet(image: [y, x; 3]) -> [; 10] {
    stem = relu(batch_norm(conv(image, 32, over = [y, x], kernel = 3, padding = 1)))
    h = stem
    repeat 3 as stage { h = Residual(h, 32) }
    return linear(mean[y, x](h), 10)
}

model CnnAccuracy(w: weights(SmallCnn)) -> [; 1] {
    z = relu(equivariant(w, 32))
    z = relu(equivariant(z, 32))
    return sigmoid(mlp(relu(invariant(z, 64)), 64, 1))
}

model ResNetAccuracy(w: weights(ResNet)) -> [; 1] {
    z = relu(equivariant(w, 16))
    return sigmoid(mlp(relu(invariant(z, 64)), 64, 1))
}
""",
    "digits": """\
# Predict how well a classifier does from its weights alone.

param hidden = 32
param width  = 32

model Classifier(image: [; 64]) -> [; 10] {
    fc1 = linear(image, hidden)
    fc2 = linear(relu(fc1), 10)
    return fc2
}

model Accuracy(w: weights(Classifier)) -> [; 1] {
    z = coded(linear(w, width))           # the 64 inputs and 10 outputs are distinct: tell them apart by learned codes
    z = equivariant(z, width)
    repeat 2 { z = equivariant(relu(z), width) }
    return mlp(relu(invariant(relu(z), 64)), 64, 1)
}
""",
    "finite": """\
# Finite groups given by name or by generators.

group Klein = <(1 2)(3 4), (1 3)(2 4)>
group Cube  = <(1 2 3 4)(5 6 7 8), (1 5 8 4)(2 6 7 3)>      # rotations of a cube acting on its corners

axis ring   = C(12)
axis mirror = D(6)
axis corner = Cube
axis quad   = Klein
axis head   = S(4)
axis key    = S(8) in head

model Ring(x: [ring; 4]) -> [ring; 4]       { return equivariant(relu(equivariant(x, 16)), 4) }
model Mirror(x: [mirror; 4]) -> [; 2]       { return invariant(relu(equivariant(x, 16)), 2) }
model Corner(x: [corner; 1]) -> [corner; 1] { return equivariant(tanh(equivariant(x, 8)), 1) }
model Quad(x: [quad, quad; 1]) -> [quad; 1] { return equivariant(x, [quad; 1]) }
model Heads(x: [head, key; 2]) -> [head; 1] { return equivariant(relu(equivariant(x, 8)), [head; 1]) }
""",
    "graphs": """\
# Invariant graph networks: all 15 linear maps between adjacency-like tensors, and node features beside them.

axis node = S(24, masked)          # up to 24 nodes

space Graph {
    adjacency: [node, node; 2]
    feature:   [node; 8]
}

model Molecule(g: Graph) -> [; 1] {
    z = relu(equivariant(g, 32))
    z = relu(equivariant(z, 32))
    return mlp(relu(invariant(z, 64)), 64, 1)
}

model EdgeScore(g: Graph) -> [node, node; 1] {
    z = relu(equivariant(g, 32))
    return equivariant(z, [node, node; 1])
}
""",
    "implicit": """\
# Edit a sine network (an image stored as a network) without decoding it, and classify it.

param depth = 1

model Siren(xy: [; 2]) -> [; 1] {
    h = sin(30 * linear(xy, 32))
    repeat depth { h = sin(30 * linear(h, 32)) }
    return linear(h, 1)
}

model Edit(w: weights(Siren)) -> weights(Siren) {
    z = relu(equivariant(w, 64))
    z = relu(equivariant(z, 64))
    return w + 0.01 * equivariant(z, 1)
}

model Digit(w: weights(Siren)) -> [; 10] {
    z = relu(equivariant(w, 64))
    z = relu(equivariant(z, 64))
    return mlp(relu(invariant(z, 128)), 128, 10)
}
""",
    "points": """\
# An E(n)-equivariant graph network in index notation: well-typed, hence equivariant.

axis particle = S(5)
axis xyz      = E(3)

block Interaction(x, v, h) {
    d[i, j, c] = x[i, c] - x[j, c]
    r[i, j]    = sum[c](d[i, j, c] ^ 2)
    m[i, j]    = mlp(concat(h[i], h[j], r[i, j]), 64, 64, act = silu)
    v[i, c]    = v[i, c] * linear(h[i], 1) + mean[j](d[i, j, c] * linear(m[i, j], 1))
    x[i, c]    = x[i, c] + v[i, c]
    h[i]       = h[i] + mlp(concat(h[i], sum[j](m[i, j])), 64, 64, act = silu)
    return x, v, h
}

model Dynamics(x: [particle, xyz], v: [particle, xyz] displacement, charge: [particle; 1]) -> [particle, xyz] {
    h = linear(charge, 64)
    repeat 4 { x, v, h = Interaction(x, v, h) }
    return x
}
""",
    "sequences": """\
# A character-level sequence-to-sequence network whose encoder and decoder share a state, and a predictor of its success rate.

param vocabulary = 15
param hidden     = 64
axis step = 12

model Adder(question: [step; vocabulary], previous: [step; vocabulary]) -> [step; vocabulary] {
    state   = gru(question, hidden, over = step, name = encoder, steps = last)
    decoded = gru(previous, hidden, over = step, initial = state, name = decoder)
    return linear(decoded, vocabulary, name = readout)
}

model SuccessRate(w: weights(Adder)) -> [; 1] {
    z = relu(equivariant(w, 16))
    z = relu(equivariant(z, 16))
    return mlp(relu(invariant(z, 128)), 128, 1)
}
""",
    "sets": """\
# Deep Sets, a set of sets (each with its own order), and a table whose rows and columns are both exchangeable.

axis point = S(256)
axis cloud = S(8)
axis member = S(256) in cloud
axis user  = S(100)
axis item  = S(40)

model PointClassifier(x: [point; 3]) -> [; 10] {
    x = relu(equivariant(x, 64))
    x = relu(equivariant(x, 64))
    return mlp(relu(invariant(x, 64)), 64, 10)
}

model CloudRanker(x: [cloud, member; 3]) -> [cloud; 1] {
    x = relu(equivariant(x, 32))
    return equivariant(x, [cloud; 1])
}

model Completion(ratings: [user, item; 2]) -> [user, item; 1] {
    z = relu(equivariant(ratings, 32))
    z = relu(equivariant(z, 32))
    return equivariant(z, 1)
}
""",
    "transformer": """\
# A decoder-only transformer, and an update rule that sees its weights, gradients and momenta.

param depth = 2
param width  = 32
param vocab  = 64
axis token = 16

block Layer(x) {
    a = x + attention(layer_norm(x), heads = 4, over = token, causal = true)
    h = gelu(linear(layer_norm(a), 4 * width, name = up))
    return a + linear(h, width, name = down)
}

model Language(ids: [token; index vocab]) -> [token; vocab] {
    x = embedding(ids, width, name = embed) + positions(token, width)
    repeat depth as blocks { x = Layer(x) }
    return linear(layer_norm(x), vocab, bias = false, name = embed)     # tied with the embedding
}

model Update(features: weights(Language; 19)) -> weights(Language) {
    z = mlp(features, 32, 32, shared = true)      # one small network for every single weight
    return equivariant(relu(z), 1)
}
""",
    "vectors": """\
# Tensors of vectors: maps that commute with rotations, reflections, Lorentz boosts and symplectic changes of basis.

axis v = O(3)
axis r = SO(3)
axis p = SO(1, 3)
axis q = Sp(4)                             # position and momentum

model Stress(strain: [v, v; 1]) -> [v, v; 1] {
    s = gate(equivariant(strain, 16))
    return equivariant(s, 1)
}

model Torque(x: [r; 8]) -> [r; 1] {
    products = outer(x, x)                 # all pairs of channels: [r, r; 64]
    return equivariant(products, [r; 1])   # contains the cross product
}

model Invariants(momenta: [p; 4]) -> [; 8] {
    return mlp(invariant(outer(momenta, momenta), 32), 32, 8)
}

model Phase(state: [q; 8]) -> [q; 8] {
    areas = inner(state, state)            # the symplectic form of every pair of channels: invariant
    return equivariant(state, 8) * linear(areas, 8)
}
""",
    "rejected/activation": """\
# Rejected: relu mixes the coordinates of a vector under O(3). Point at relu, name the axis, suggest gate(x) or norm_act(x).
axis v = O(3)
model Bad(x: [v; 8]) -> [v; 8] { return relu(equivariant(x, 8)) }
""",
    "rejected/escape": """\
# Rejected: a file outside the project root.
from "../../../../etc/passwd" import A
""",
    "rejected/parity": """\
# Rejected (although a bias, the identity, exists): under O(3) there is no linear map from [v] to [v, v] (odd number of indices). Say so; suggest outer(x, x) or SO(3).
axis v = O(3)
model Inertia(x: [v; 16]) -> [v, v; 1] { return equivariant(x, [v, v; 1]) }
""",
    "rejected/points": """\
# Rejected: a sum of points is not a point under translation (five points weigh 5). Suggest mean or a difference.
axis particle = S(5)
axis xyz = E(3)
model Bad(x: [particle, xyz]) -> [xyz] { return sum[particle](x) }
""",
    "rejected/shape": """\
# Rejected: residual sum of 32 and 16 channels; show both types and where each comes from.
model Bad(x: [; 64]) -> [; 16] { h = linear(x, 32) return relu(h) + linear(h, 16) }
""",
    "rejected/signed": """\
# Rejected: relu is not odd, and B(6) flips signs. Suggest tanh, or gate(x).
axis s = B(6)
model Bad(x: [s; 8]) -> [s; 8] { return relu(equivariant(x, 8)) }
""",
    "rejected/too_many": """\
# Rejected before any work: 16 indices of one group, Bell(16) = 10480142147 maps. Say the count, the limit, and how to raise it.
axis node = S(30)
model Bad(x: [node, node, node, node, node, node, node, node]) -> [node, node, node, node, node, node, node, node] { return equivariant(x, 1) }
""",
    "rejected/unknown_name": """\
# Rejected twice, in one run: `hiden` (did you mean `hidden`?) and the model `Clasifier` (did you mean `Classifier`?); nothing else.
param hidden = 32
model Classifier(image: [; 64]) -> [; 10] { return linear(relu(linear(image, hiden)), 10) }
model Accuracy(w: weights(Clasifier)) -> [; 1] { return invariant(w, 1) }
""",
}
