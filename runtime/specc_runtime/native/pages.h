// Which tensors are larger than the caches, and stored past them.
#pragma once

#include "vectors.h"

#include <ATen/ATen.h>

namespace specc {

// Bytes of tensors that are written together from which on they are not in the caches when they are read again.
constexpr int64_t STREAMED = 16 << 20;

// Whether x is dense and of whole lines, as what is stored past the caches has to be.
inline bool of_lines(const at::Tensor& x) {
  constexpr int64_t line = LINE * sizeof(float);
  return x.size(-1) % LINE == 0 && x.is_contiguous() && reinterpret_cast<uintptr_t>(x.data_ptr()) % line == 0;
}

// Whether rows of x are to be stored past the caches.
inline bool streams(const at::Tensor& x) { return (int64_t)x.nbytes() >= STREAMED && of_lines(x); }

}  // namespace specc
