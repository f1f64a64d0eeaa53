// Memory of large results. What is freed of it waits for the next result of about its size: fresh pages cost more
// than the arithmetic on them.
#pragma once

#include <ATen/ATen.h>

namespace specc {

// A tensor whose numbers are not set yet.
at::Tensor fresh(at::IntArrayRef sizes, const at::TensorOptions& options);

// `fresh` with the sizes, and where it is dense the strides, of another.
at::Tensor fresh_like(const at::Tensor& x);

// Gives back to the system what waits, and says how many bytes that were; what was in use before counts no more.
int64_t release_memory();

}  // namespace specc
