// Which tensors are larger than the caches, and stored past them.
#pragma once

#include "vectors.h"

#include <ATen/ATen.h>

namespace specc {

// Bytes of tensors that are written together from which on they are not in the caches when they are read again.
constexpr int64_t STREAMED = 16 << 20;

// Whether rows of x, one of tensors of so many bytes together, are to be stored past the caches: large, dense, and of
// whole lines.
inline bool streams(const at::Tensor& x, int64_t bytes) {
  constexpr int64_t line = LINE * sizeof(float);
  return bytes >= STREAMED && x.size(-1) % LINE == 0 && x.is_contiguous() &&
      reinterpret_cast<uintptr_t>(x.data_ptr()) % line == 0;
}

}  // namespace specc
