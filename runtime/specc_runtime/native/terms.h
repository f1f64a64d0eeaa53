// What is added to the rows of a product: tensors that are broadcast to its result.
#pragma once

#include "product.h"
#include "rows.h"

namespace specc {

// Floats of a run of rows that stay in the first cache with what is made of them.
constexpr int64_t RUN = 4096;

inline int64_t run_of(int64_t channels) { return std::max<int64_t>(32, RUN / channels); }

// Terms at a run of rows: those that are one row for the whole run are added up in `base`.
template <class Term>
struct Added {
  const std::vector<Term>& terms;
  std::vector<float> base;

  Added(const std::vector<Term>& terms, int64_t channels) : terms(terms), base(vectors(channels) * LANES) {}

  // `at` says where the first row of a term is.
  template <class At>
  void find(const Grid& grid, int64_t channels, Run& run, At at) {
    run.addends.clear();
    run.base = nullptr;
    for (const Term& each : terms) {
      const float* from = at(each);
      if (each.step(grid) != 0) {
        run.addends.push_back({from, each.step(grid), channels});
        continue;
      }
      for (int64_t j = 0; j < channels; j += LANES) {
        Vector before = run.base ? load(base.data() + j) : Vector{};
        store(base.data() + j, before + load(from + j, channels - j));
      }
      run.base = base.data();
    }
  }
};

// What is added to a row of a run, from a column on.
inline Vector added_to(Vector sum, const Run& run, int64_t row, int64_t column, int64_t left) {
  if (run.base) sum += load(run.base + column);
  for (const Rows& each : run.addends) sum += load(each.data + row * each.step + column, left);
  return sum;
}

}  // namespace specc
