#include "memory.h"

#include <ATen/EmptyTensor.h>
#include <c10/core/Allocator.h>
#include <c10/core/impl/alloc_cpu.h>

#include <algorithm>
#include <cstring>
#include <list>
#include <map>
#include <mutex>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace specc {
namespace {

// Bytes below which the C library keeps what is freed, too.
constexpr size_t LARGE = 1 << 16;

// Asks the system for large pages under memory that was not written to yet: it is then cleared and mapped in far
// fewer steps.
void in_large_pages(void* data, size_t size) {
#if defined(__linux__)
  constexpr uintptr_t PAGE = 2 << 20;
  uintptr_t begin = reinterpret_cast<uintptr_t>(data), end = (begin + size) / PAGE * PAGE;
  begin = (begin + PAGE - 1) / PAGE * PAGE;
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#endif
}

struct Block {
  void* data;
  size_t size;
};

// Never holds more, in use and waiting together, than was in use at one time: the peak of a process is what it
// would be without.
class Waiting : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t size) override {
    Block* block = new Block(taken(size));
    return {block->data, block, &give_back, at::kCPU};
  }
  void copy_data(void* to, const void* from, size_t count) const override { std::memcpy(to, from, count); }

  int64_t release() {
    std::lock_guard guard(lock);
    size_t freed = waiting;
    free_until(0);
    most = used;
    return freed;
  }

  static Waiting& only() {
    static Waiting* one = new Waiting;  // outlives every tensor
    return *one;
  }

 private:
  using Blocks = std::list<Block>;

  std::mutex lock;
  Blocks blocks;  // that wait, those freed last at the end
  std::multimap<size_t, Blocks::iterator> by_size;
  size_t waiting = 0, used = 0, most = 0;

  // The smallest block that is large enough and not a quarter larger, or a fresh one.
  Block taken(size_t size) {
    std::lock_guard guard(lock);
    Block found{nullptr, size};
    auto best = by_size.lower_bound(size);
    if (best != by_size.end() && best->first <= size + size / 4) {
      found = *best->second;
      forget(best);
    } else {
      free_until(most > used + size ? most - used - size : 0);
      found.data = c10::alloc_cpu(size);
      in_large_pages(found.data, size);
    }
    used += found.size;
    most = std::max(most, used);
    report(found, found.size);
    return found;
  }

  // Frees blocks until at most so many bytes wait: the smallest that will do, so that large ones are not lost to make
  // room for small ones; where none will, what waits longest.
  void free_until(size_t left) {
    while (waiting > left) {
      auto place = by_size.lower_bound(waiting - left);
      if (place == by_size.end()) {
        place = by_size.find(blocks.front().size);
        while (place->second != blocks.begin()) ++place;
      }
      c10::free_cpu(place->second->data);
      forget(place);
    }
  }

  void forget(std::multimap<size_t, Blocks::iterator>::iterator place) {
    waiting -= place->first;
    blocks.erase(place->second);
    by_size.erase(place);
  }

  static void give_back(void* context) {
    Block* block = static_cast<Block*>(context);
    Waiting& to = only();
    std::lock_guard guard(to.lock);
    to.by_size.emplace(block->size, to.blocks.insert(to.blocks.end(), *block));
    to.waiting += block->size;
    to.used -= block->size;
    to.report(*block, -(int64_t)block->size);
    delete block;
  }

  void report(const Block& block, int64_t change) const {
    c10::reportMemoryUsageToProfiler(block.data, change, used, used + waiting, at::kCPU);
  }
};

}  // namespace

at::Tensor fresh(at::IntArrayRef sizes, const at::TensorOptions& options) {
  size_t bytes = options.dtype().itemsize();
  for (int64_t size : sizes) bytes *= size;
  if (bytes < LARGE) return at::empty(sizes, options);
  c10::DispatchKeySet keys(c10::DispatchKey::CPU);
  return at::detail::empty_generic(
      sizes, &Waiting::only(), keys, c10::typeMetaToScalarType(options.dtype()), std::nullopt);
}

at::Tensor fresh_like(const at::Tensor& x) {
  return x.is_contiguous() ? fresh(x.sizes(), x.options()) : at::empty_like(x);
}

int64_t release_memory() { return Waiting::only().release(); }

}  // namespace specc
