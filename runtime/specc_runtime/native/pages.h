// What tensors ask for that are larger than the caches: large pages, and stores past the caches.
#pragma once

#include "vectors.h"

#include <ATen/ATen.h>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace specc {

// Bytes of a tensor from which on it is not in the caches when it is read again.
constexpr int64_t STREAMED = 16 << 20;

// Whether rows of x are to be stored past the caches: large, dense, and of whole lines.
inline bool streams(const at::Tensor& x) {
  constexpr int64_t line = LINE * sizeof(float);
  return (int64_t)x.nbytes() >= STREAMED && x.size(-1) % LINE == 0 && x.is_contiguous() &&
      reinterpret_cast<uintptr_t>(x.data_ptr()) % line == 0;
}

// Asks the system for large pages under a tensor that was not written to yet: fresh memory is then cleared and
// mapped in far fewer steps, which take longer than the arithmetic otherwise.
inline at::Tensor in_large_pages(at::Tensor x) {
#if defined(__linux__)
  constexpr uintptr_t PAGE = 2 << 20;
  uintptr_t begin = reinterpret_cast<uintptr_t>(x.data_ptr()), end = begin + x.nbytes();
  begin = (begin + PAGE - 1) / PAGE * PAGE;
  end = end / PAGE * PAGE;
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#endif
  return x;
}

}  // namespace specc
