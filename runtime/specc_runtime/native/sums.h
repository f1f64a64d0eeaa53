// Sums of rows into several smaller tensors at once: pools, and the gradients of what was broadcast.
#pragma once

#include "rows.h"
#include "vectors.h"

namespace specc {

// Tensors that rows are added to, each of them broadcast to the grid: a row of theirs takes in several.
// Threads that would meet in one have a copy each; these are added up in order at the end.
class Sums {
 public:
  Sums(const std::vector<std::vector<int64_t>>& shapes, const Grid& grid, const at::TensorOptions& options)
      : shapes(shapes) {
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
  // Adds `count` rows of `channels` floats, g_step apart, at a place in the grid.
  void add(const Grid& grid, const int64_t* index, int64_t row, int64_t thread, const float* g, int64_t g_step,
           int64_t count, int64_t channels) const {
    for (int64_t start = 0; start < channels; start += LANES) {
      int64_t left = channels - start;
      Vector sum = {};
      bool whole = false;
      for (size_t i = 0; i < operands.size(); ++i) {
        int64_t step = operands[i].step(grid);
        if (step == 0 && grid.inner() > 1) {
          whole = true;
          continue;
        }
        float* to = place(i, grid, index, row, thread) + start;
        for (int64_t r = 0; r < count; ++r)
          store(to + r * step, load(to + r * step, left) + load(g + r * g_step + start, left), left);
      }
      if (!whole) continue;
      for (int64_t r = 0; r < count; ++r) sum += load(g + r * g_step + start, left);
      for (size_t i = 0; i < operands.size(); ++i)
        if (operands[i].step(grid) == 0 && grid.inner() > 1) {
          float* to = place(i, grid, index, row, thread) + start;
          store(to, load(to, left) + sum, left);
        }
    }
  }
  std::vector<at::Tensor> results() const {
    std::vector<at::Tensor> results;
    for (size_t i = 0; i < totals.size(); ++i)
      results.push_back(copies[i] ? totals[i].sum(0).view(shapes[i]) : totals[i]);
    return results;
  }

  std::vector<Operand> operands;

 private:
  float* place(size_t i, const Grid& grid, const int64_t* index, int64_t row, int64_t thread) const {
    return operands[i].data + thread * copies[i] + operands[i].offset(grid, index, row);
  }

  std::vector<std::vector<int64_t>> shapes;
  std::vector<at::Tensor> totals;
  std::vector<int64_t> copies;
};

}  // namespace specc
