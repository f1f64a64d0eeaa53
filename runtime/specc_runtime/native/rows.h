// Tensors `(batch, *axes, channels)` as rows of channels: which rows of several tensors, with broadcast
// ones among them, belong together, and how they are shared out among threads.
#pragma once

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "vectors.h"

#include <algorithm>
#include <vector>

namespace specc {

constexpr int MAX_DIMS = 8;

// The sizes of all dimensions but channels.
struct Grid {
  int dims = 0;
  int64_t size[MAX_DIMS];

  explicit Grid(at::IntArrayRef sizes) : dims((int)sizes.size()) { std::copy(sizes.begin(), sizes.end(), size); }
  int64_t inner() const { return size[dims - 1]; }
  int64_t rows() const {
    int64_t product = 1;
    for (int d = 0; d < dims; ++d) product *= size[d];
    return product;
  }
};

// How far apart rows are along each dimension of a grid: 0 where they are broadcast.
struct Strides {
  int64_t stride[MAX_DIMS] = {};

  int64_t step(const Grid& grid) const { return stride[grid.dims - 1]; }
  int64_t offset(const Grid& grid, const int64_t* index, int64_t row) const {
    int64_t sum = row * stride[grid.dims - 1];
    for (int d = 0; d + 1 < grid.dims; ++d) {
      sum += index[d] * stride[d];
      asm("" : "+r"(sum));  // one by one: a vector of indices waits for the last of them to be stored
    }
    return sum;
  }
  // Rows of `width` floats from one of them on; where they are apart, the next ones are beside them.
  Rows rows_from(const float* first, const Grid& grid, int64_t width) const {
    bool apart = step(grid) != width && grid.dims > 1;
    return {first, step(grid), width, apart ? stride[grid.dims - 2] : AHEAD};
  }
  // Whether one row stands for several along the first `leading` dimensions.
  bool shared(const Grid& grid, int leading) const {
    for (int d = 0; d < leading; ++d)
      if (stride[d] == 0 && grid.size[d] > 1) return true;
    return false;
  }
};

// Where the rows of one tensor are.
struct Operand : Strides {
  float* data;

  Operand(const at::Tensor& x, const Grid& grid) : data(x.data_ptr<float>()) {
    int64_t missing = grid.dims + 1 - x.dim();
    for (int d = missing; d < grid.dims; ++d) stride[d] = x.size(d - missing) == 1 ? 0 : x.stride(d - missing);
  }
  float* at(const Grid& grid, const int64_t* index, int64_t row) const { return data + offset(grid, index, row); }
  Rows rows(const Grid& grid, const int64_t* index, int64_t row, int64_t width) const {
    return rows_from(at(grid, index, row), grid, width);
  }
};

// Leaves out dimensions of size 1, and makes one of neighbours that are one for every operand; all but
// the first few, which stay.
inline void coalesce(Grid& grid, const std::vector<Strides*>& operands, int first = 0) {
  int last = first - 1;
  for (int d = first; d < grid.dims; ++d) {
    int64_t n = grid.size[d];
    if (n == 1) continue;
    bool joined = last >= first && std::all_of(operands.begin(), operands.end(), [&](Strides* each) {
                    return each->stride[last] == each->stride[d] * n;
                  });
    if (joined) {
      grid.size[last] *= n;
    } else {
      grid.size[++last] = n;
    }
    for (Strides* each : operands) each->stride[last] = each->stride[d];
  }
  if (last < 0) {
    grid.size[++last] = 1;
    for (Strides* each : operands) each->stride[0] = 0;
  }
  grid.dims = last + 1;
}

inline void exchange(Grid& grid, const std::vector<Strides*>& operands, int a, int b) {
  std::swap(grid.size[a], grid.size[b]);
  for (Strides* each : operands) std::swap(each->stride[a], each->stride[b]);
}

// Orders dimensions as those of the first operand, large strides before small ones; all but the first few.
inline void sort(Grid& grid, const std::vector<Strides*>& operands, int first) {
  const int64_t* stride = operands[0]->stride;
  for (int end = grid.dims; end-- > first;)
    for (int d = first; d < end; ++d)
      if (stride[d] < stride[d + 1]) exchange(grid, operands, d, d + 1);
}

// Has the longest dimension but the first few innermost where that is a short one.
inline void lengthen(Grid& grid, const std::vector<Strides*>& operands, int first) {
  constexpr int64_t SHORT = 8;
  int last = grid.dims - 1;
  if (last <= first || grid.size[last] >= SHORT) return;
  int longest = (int)(std::max_element(grid.size + first, grid.size + last + 1) - grid.size);
  exchange(grid, operands, longest, last);
}

// Calls f(index, row, count, first) for runs of at most `block` rows along the innermost dimension.
template <class F>
void walk(const Grid& grid, int64_t first, int64_t end, int64_t block, F f) {
  int64_t index[MAX_DIMS] = {}, inner = grid.inner(), row = first % inner, rest = first / inner;
  for (int d = grid.dims - 2; d >= 0; --d) {
    index[d] = rest % grid.size[d];
    rest /= grid.size[d];
  }
  while (first < end) {
    int64_t count = std::min({inner - row, end - first, block});
    f(index, row, count, first);
    first += count;
    row += count;
    if (row < inner) continue;
    row = 0;
    for (int d = grid.dims - 2; d >= 0 && ++index[d] == grid.size[d]; --d) index[d] = 0;
  }
}

// Floats read or written that are worth a thread.
constexpr int64_t GRAIN = 1 << 15;

// How many threads there are to share work with: one where all of them are at work.
inline int64_t free_threads() { return at::in_parallel_region() ? 1 : at::get_num_threads(); }

// As many of them as are worth it.
inline int64_t threads_for(int64_t floats) { return std::clamp<int64_t>(floats / GRAIN, 1, free_threads()); }

// Calls f with the number of each of so many threads, on threads of their own where they are free.
template <class F>
void on_threads(int64_t threads, F f) {
  at::parallel_for(0, threads, 1, [&](int64_t begin, int64_t end) {
    for (int64_t thread = begin; thread < end; ++thread) f(thread);
  });
}

// Rows for each thread: whole positions along the first `leading` dimensions, as few as will do. The
// shares depend on nothing but sizes and the number of threads, and so do sums over threads.
struct Shares {
  int64_t threads, units, unit;
  int leading = 0;

  // `work` is what one row costs, in floats read or written.
  Shares(const Grid& grid, int64_t work) {
    int64_t rows = grid.rows();
    threads = threads_for(rows * work);
    units = 1;
    while (leading < grid.dims && threads > 1 && units < 4 * threads) units *= grid.size[leading++];
    unit = units > 0 ? rows / units : 0;
  }
  int64_t first(int64_t thread) const { return units * thread / threads * unit; }

  template <class F>
  void run(F f) const {
    on_threads(threads, [&](int64_t thread) { f(thread, first(thread), first(thread + 1)); });
  }
};

}  // namespace specc
