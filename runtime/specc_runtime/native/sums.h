// Sums of rows into several smaller tensors at once: pools, and the gradients of what was broadcast.
#pragma once

#include "product.h"
#include "rows.h"

namespace specc {

constexpr int MAX_TARGETS = 16;

// Each row to a row of its own; the rows after these are fetched meanwhile.
inline void add_rows(Rows rows, int64_t count, float* to, int64_t step) {
  if (rows.step == rows.width && step == rows.width) {  // one long row
    rows.width *= count;
    count = 1;
  }
  for (int64_t r = 0; r < count; ++r, rows.data += rows.step, to += step)
    for (int64_t j = 0; j < rows.width; j += LANES) {
      __builtin_prefetch(rows.data + rows.ahead + j);
      int64_t left = rows.width - j;
      store(to + j, load(to + j, left) + load(rows.data + j, left), left);
    }
}

// The sum of all rows, in the first columns, to each of the targets.
template <int COLUMNS>
inline void add_sum_of(const Rows& rows, int64_t count, float* const* to, int targets, int64_t start) {
  constexpr int CHAINS = COLUMNS == 1 ? 4 : COLUMNS == 2 ? 2 : 1;  // sums that do not wait for each other
  int64_t left = rows.width - (COLUMNS - 1) * LANES;
  auto lanes = [left](int v) { return v + 1 < COLUMNS ? (int64_t)LANES : left; };
  Vector sum[CHAINS][COLUMNS] = {};
  auto add = [&](int64_t r, Vector* chain) {
    const float* from = rows.data + r * rows.step;
#pragma GCC unroll 4
    for (int v = 0; v < COLUMNS; ++v) {
      __builtin_prefetch(from + rows.ahead + v * LANES);
      chain[v] += load(from + v * LANES, lanes(v));
    }
  };
  int64_t r = 0;
  for (; r + CHAINS <= count; r += CHAINS)
#pragma GCC unroll 4
    for (int c = 0; c < CHAINS; ++c) add(r + c, sum[c]);
  for (; r < count; ++r) add(r, sum[0]);
  for (int v = 0; v < COLUMNS; ++v) {
    for (int c = 1; c < CHAINS; ++c) sum[0][v] += sum[c][v];
    for (int i = 0; i < targets; ++i) {
      float* at = to[i] + start + v * LANES;
      store(at, load(at, lanes(v)) + sum[0][v], lanes(v));
    }
  }
}

// The sum of all rows to each of the targets.
inline void add_sum(const Rows& rows, int64_t count, float* const* to, int targets) {
  for (int64_t start = 0; start < rows.width; start += WIDE * LANES) {
    Rows part = {rows.data + start, rows.step, rows.width - start};
    switch (std::min<int64_t>(WIDE, vectors(part.width))) {
      case 1: add_sum_of<1>(part, count, to, targets, start); break;
      case 2: add_sum_of<2>(part, count, to, targets, start); break;
      case 3: add_sum_of<3>(part, count, to, targets, start); break;
      default: add_sum_of<4>(part, count, to, targets, start);
    }
  }
}

// Tensors that rows are added to, each of them broadcast to the grid: a row of theirs takes in several.
// Threads that would meet in one have a copy each; these are added up in order at the end.
class Sums {
 public:
  Sums(const std::vector<std::vector<int64_t>>& shapes, const Grid& grid, const at::TensorOptions& options)
      : shapes(shapes) {
    TORCH_CHECK(shapes.size() <= MAX_TARGETS, "at most ", MAX_TARGETS, " sums at a time");
    for (const auto& shape : shapes) {
      totals.push_back(at::zeros(shape, options));
      operands.emplace_back(totals.back(), grid);
    }
  }
  // To be called once dimensions are coalesced and threads have their shares.
  void share(const Grid& grid, const Shares& shares) {
    for (size_t i = 0; i < totals.size(); ++i) {
      copies.push_back(0);
      if (shares.threads == 1 || !operands[i].shared(grid, shares.leading)) continue;
      copies[i] = totals[i].numel();
      totals[i] = at::zeros({shares.threads, copies[i]}, totals[i].options());
      operands[i].data = totals[i].data_ptr<float>();
    }
  }
  // Where rows from a place in the grid on are added to.
  void at(const Grid& grid, const int64_t* index, int64_t row, int64_t thread, std::vector<Target>& targets) const {
    targets.clear();
    for (size_t i = 0; i < operands.size(); ++i)
      targets.push_back({operands[i].at(grid, index, row) + thread * copies[i], operands[i].step(grid)});
  }
  // Adds the first `count` of the rows at a place in the grid.
  void add(const Grid& grid, const int64_t* index, int64_t row, int64_t thread, const Rows& rows, int64_t count) const {
    float* whole[MAX_TARGETS];
    int wholes = 0;
    for (size_t i = 0; i < operands.size(); ++i) {
      float* to = operands[i].at(grid, index, row) + thread * copies[i];
      if (int64_t step = operands[i].step(grid)) {
        add_rows(rows, count, to, step);
      } else {
        whole[wholes++] = to;
      }
    }
    if (wholes == 0) return;
    add_sum(rows, count, whole, wholes);
  }
  std::vector<at::Tensor> results() const {
    std::vector<at::Tensor> results;
    for (size_t i = 0; i < totals.size(); ++i)
      results.push_back(copies[i] ? totals[i].sum(0).view(shapes[i]) : totals[i]);
    return results;
  }

  std::vector<Operand> operands;

 private:
  std::vector<std::vector<int64_t>> shapes;
  std::vector<at::Tensor> totals;
  std::vector<int64_t> copies;
};

}  // namespace specc
