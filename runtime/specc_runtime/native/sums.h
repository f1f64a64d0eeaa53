// Sums of rows into several smaller tensors at once: pools, and the gradients of what was broadcast.
#pragma once

#include "rows.h"
#include "vectors.h"

namespace specc {

constexpr int MAX_TARGETS = 16;

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
  // Adds `count` rows of `channels` floats, g_step apart, at a place in the grid.
  void add(const Grid& grid, const int64_t* index, int64_t row, int64_t thread, const float* g, int64_t g_step,
           int64_t count, int64_t channels) const {
    Targets each, whole;
    for (size_t i = 0; i < operands.size(); ++i) {
      int64_t step = operands[i].step(grid);
      Targets& kind = step == 0 ? whole : each;
      kind.to[kind.count] = operands[i].data + thread * copies[i] + operands[i].offset(grid, index, row);
      kind.step[kind.count++] = step;
    }
    for (int64_t start = 0; start < channels; start += 4 * LANES) {
      int64_t left = channels - start;
      switch (std::min<int64_t>(4, vectors(left))) {
        case 1: columns<1>(each, whole, g + start, g_step, count, start, left); break;
        case 2: columns<2>(each, whole, g + start, g_step, count, start, left); break;
        case 3: columns<3>(each, whole, g + start, g_step, count, start, left); break;
        default: columns<4>(each, whole, g + start, g_step, count, start, left);
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
  // Rows that take in one row each of a run, or all of them.
  struct Targets {
    int count = 0;
    float* to[MAX_TARGETS];
    int64_t step[MAX_TARGETS];
  };

  template <int COLUMNS>
  static void columns(const Targets& each, const Targets& whole, const float* g, int64_t g_step, int64_t count,
                      int64_t start, int64_t left) {
    auto add = left >= COLUMNS * LANES ? add_columns<COLUMNS, true> : add_columns<COLUMNS, false>;
    add(each, whole, g, g_step, count, start, left - (COLUMNS - 1) * LANES);
  }

  // `last` floats of the last vector, all of them where it is `WHOLE`.
  template <int COLUMNS, bool WHOLE>
  static void add_columns(const Targets& each, const Targets& whole, const float* g, int64_t g_step, int64_t count,
                          int64_t start, int64_t last) {
    auto lanes = [last](int v) { return WHOLE || v + 1 < COLUMNS ? (int64_t)LANES : last; };
    Vector sum[COLUMNS] = {};
    for (int64_t r = 0; r < count; ++r, g += g_step) {
      for (int64_t k = 0; k < COLUMNS * LANES; k += LINE) __builtin_prefetch(g + AHEAD + k);
      Vector row[COLUMNS];
#pragma GCC unroll 4
      for (int v = 0; v < COLUMNS; ++v) sum[v] += row[v] = load(g + v * LANES, lanes(v));
      for (int i = 0; i < each.count; ++i)
#pragma GCC unroll 4
        for (int v = 0; v < COLUMNS; ++v) add_to(each.to[i] + r * each.step[i] + start + v * LANES, row[v], lanes(v));
    }
    for (int i = 0; i < whole.count; ++i)
      for (int v = 0; v < COLUMNS; ++v) add_to(whole.to[i] + start + v * LANES, sum[v], lanes(v));
  }
  static void add_to(float* to, Vector v, int64_t lanes) { store(to, load(to, lanes) + v, lanes); }

  std::vector<std::vector<int64_t>> shapes;
  std::vector<at::Tensor> totals;
  std::vector<int64_t> copies;
};

}  // namespace specc
