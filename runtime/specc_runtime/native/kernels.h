// What the kernels compute, on float32 tensors `(batch, *axes, channels)` on a CPU.
#pragma once

#include <ATen/ATen.h>

#include <vector>

namespace specc {

using Tensors = std::vector<at::Tensor>;

// The mean of x over each of the dimensions, in one pass over x.
Tensors pool(const at::Tensor& x, at::IntArrayRef dims);

// x += the sum of the terms, which broadcast to it.
void spread_(const at::Tensor& x, at::TensorList terms);

// sources @ weight^T + the sum of the terms, with negative values zero if `rectify`; if `masked`, a bit for each value
// that is not, packed row by row (else nothing); and the mean of the result over each of the dimensions, whose rows
// are added up while they are in the cache.
Tensors mix_forward(
    at::TensorList sources, const at::Tensor& weight, at::TensorList terms, bool rectify, bool masked,
    at::IntArrayRef dims);

// The gradients of weight, of each source that needs one (an empty tensor for the others) and of each
// term, whose shapes are given one after the other; in one pass over grad, to which `added` broadcast.
Tensors mix_backward(
    const at::Tensor& grad, at::TensorList added, const at::Tensor& mask, at::TensorList sources,
    const at::Tensor& weight, at::IntArrayRef shapes, const std::vector<bool>& needed);

// 1 where the bit of a mask is set and 0 elsewhere; an empty mask has all of them set.
at::Tensor unpacked(const at::Tensor& mask, at::IntArrayRef sizes);

// Bytes of a mask for one row of so many channels.
int64_t mask_bytes(int64_t channels);

}  // namespace specc
