// Which tensors are larger than the caches, and stored past them.
#pragma once

#include "vectors.h"

#include <ATen/ATen.h>

namespace specc {

// Bytes of a tensor from which on it is not in the caches when it is read again.
constexpr int64_t STREAMED = 16 << 20;

// Whether rows of x are to be stored past the caches: large, dense, and of whole lines.
inline bool streams(const at::Tensor& x) {
  constexpr int64_t line = LINE * sizeof(float);
  return (int64_t)x.nbytes() >= STREAMED && x.size(-1) % LINE == 0 && x.is_contiguous() &&
      reinterpret_cast<uintptr_t>(x.data_ptr()) % line == 0;
}

}  // namespace specc
