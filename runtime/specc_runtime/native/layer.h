// What a layer computes in one operator, on float32 tensors `(batch, *axes, channels)` on a CPU.
#pragma once

#include <ATen/ATen.h>

#include <vector>

namespace specc {

using Tensors = std::vector<at::Tensor>;

// The outputs of the layer that a program describes (`table.h`): for each level the sums of `inputs` that its
// columns are, as means, times its weight, `(rows, columns)`, plus its bias where it has one, all or none of which
// are given; repeated to the outputs, which are the sums of what all levels give, with negative values zero if
// `rectify`. `sizes` are those of each output's axes, then its channels. The `adjoint` is the transposed map, from
// outputs to inputs.
Tensors layer(
    at::TensorList inputs, at::TensorList weights, at::TensorList biases, c10::string_view program,
    at::IntArrayRef sizes, bool rectify, bool adjoint);

// `layer` by way of torch's dispatcher: with its gradients, and seen by what traces.
Tensors call_layer(
    at::TensorList inputs, at::TensorList weights, at::TensorList biases, c10::string_view program,
    c10::SymIntArrayRef sizes, bool rectify, bool adjoint);

// The gradients of weights and biases where the outputs have those that are given: products of columns and rows.
Tensors layer_products(at::TensorList grads, at::TensorList inputs, c10::string_view program);

// The gradients of inputs, if `of_inputs`, weights and biases in one pass. `outputs` are those of a layer that
// rectifies, or none.
Tensors layer_backward(
    at::TensorList grads, at::TensorList outputs, at::TensorList inputs, at::TensorList weights,
    c10::string_view program, bool of_inputs);

}  // namespace specc
