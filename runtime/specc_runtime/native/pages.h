// Large pages under tensors that were not written to yet.
#pragma once

#include <ATen/ATen.h>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace specc {

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
