// Products of rows with a small matrix in registers: rows of the result in tiles of a few rows and up to
// four vectors of columns, with all that is added to them, the rectifier and its bits before they are stored.
#pragma once

#include "vectors.h"

#include <algorithm>
#include <vector>

namespace specc {

// Rows of a tile so that it, a row of the matrix and a factor stay in registers.
constexpr int tile_rows(int columns) {
  constexpr int many[] = {0, 16, 8, 4, 4}, few[] = {0, 8, 4, 4, 2};
  return LANES == 16 ? many[columns] : few[columns];
}

// A matrix `(depth, columns)` in panels of WIDE vectors, with zeros to fill the last of them.
struct Packed {
  int64_t depth, columns;
  const float* data;

  static int64_t numbers(int64_t depth, int64_t columns) { return depth * vectors(columns) * LANES; }
};

// Packs a matrix whose element (k, j) is at `from[k * row + j * column]`, times the factor of k where there are some.
inline Packed pack(
    const float* from, int64_t depth, int64_t columns, int64_t row, int64_t column, const float* factors, float* data) {
  for (int64_t start = 0; start < columns; start += WIDE * LANES) {
    int64_t width = std::min<int64_t>(WIDE, vectors(columns - start)) * LANES, own = std::min(width, columns - start);
    float* to = data + start * depth;
    for (int64_t k = 0; k < depth; ++k, to += width) {
      float factor = factors ? factors[k] : 1.0f;
      for (int64_t j = 0; j < own; ++j) to[j] = from[k * row + (start + j) * column] * factor;
      std::fill(to + own, to + width, 0.0f);
    }
  }
  return {depth, columns, data};
}

// Rows that those of a run are added to, or with a step of 0 one row for all of them.
struct Target {
  float* data;
  int64_t step;
};

// A run of rows of a result.
struct Run {
  int64_t count;
  float* out;
  int64_t step;
  std::vector<Rows> factors;    // their widths make up the depth of the matrix
  const float* base = nullptr;  // one row for all, padded to whole vectors
  std::vector<Rows> addends;
  bool rectify = false;
  bool streams = false;         // past the caches
  std::vector<Target> targets;  // that the rows are added to
  Bits* bits = nullptr;         // vectors(columns) for each row, where asked for
};

// sum += x @ panel for `depth` columns of rows that are one `step` apart; returns the panel's end.
template <int ROWS, int COLUMNS>
[[gnu::always_inline]] inline const float* accumulate(
    Vector (&sum)[ROWS][COLUMNS], const float* x, int64_t step, int64_t depth, const float* panel) {
  for (int64_t k = 0; k < depth; ++k, panel += COLUMNS * LANES) {
    Vector across[COLUMNS];
#pragma GCC unroll 4
    for (int v = 0; v < COLUMNS; ++v) across[v] = load(panel + v * LANES);
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; ++r)
#pragma GCC unroll 4
      for (int v = 0; v < COLUMNS; ++v) sum[r][v] += x[r * step + k] * across[v];
  }
  return panel;
}

// The same for rows that are a page or more apart, which fall into so few sets of the first cache that they push each
// other out of it: they are copied together before.
template <int ROWS, int COLUMNS>
[[gnu::always_inline]] inline const float* accumulate_apart(
    Vector (&sum)[ROWS][COLUMNS], const float* x, int64_t step, int64_t depth, const float* panel) {
  alignas(64) float lines[ROWS * LINE];
  for (int64_t first = 0; first < depth; first += LINE) {
    int64_t count = std::min(LINE, depth - first);
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; ++r)
      for (int64_t k = 0; k < LINE; k += LANES) store(lines + r * LINE + k, load(x + r * step + first + k, count - k));
    panel = accumulate(sum, lines, LINE, count, panel);
  }
  return panel;
}

// `WHOLE` says that the last of the vectors is, too.
template <int ROWS, int COLUMNS, bool WHOLE>
inline void tile(const Run& run, int64_t row, const Packed& matrix, int64_t start) {
  int64_t left = WHOLE ? LANES : matrix.columns - start - (COLUMNS - 1) * LANES;
  auto lanes = [left](int v) { return v + 1 < COLUMNS ? (int64_t)LANES : left; };
  Vector sum[ROWS][COLUMNS];
  auto each_vector = [&](auto f) {
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; ++r)
#pragma GCC unroll 4
      for (int v = 0; v < COLUMNS; ++v) f(r, v, sum[r][v]);
  };
  each_vector([&](int, int v, Vector& at) { at = run.base ? load(run.base + start + v * LANES) : Vector{}; });
  for (const Rows& each : run.addends) {
    const float* from = each.data + row * each.step + start;
    each_vector([&](int r, int v, Vector& at) { at += load(from + r * each.step + v * LANES, lanes(v)); });
  }
  const float* panel = matrix.data + start * matrix.depth;
  for (const Rows& each : run.factors) {
    const float* x = each.data + row * each.step;
    for (int64_t k = 0; k < each.width; k += LINE)
#pragma GCC unroll 16
      for (int r = 0; r < ROWS; ++r) __builtin_prefetch(x + r * each.step + each.ahead + k);
    if (ROWS > 1 && each.step >= PAGE) {
      panel = accumulate_apart(sum, x, each.step, each.width, panel);
      continue;
    }
    // A step that is known leaves registers to as many rows.
    bool lines = COLUMNS == 1 && each.step == LINE;
    panel = lines ? accumulate(sum, x, LINE, each.width, panel) : accumulate(sum, x, each.step, each.width, panel);
  }
  float* to = run.out + row * run.step + start;
  if (run.bits) {
    int64_t step = vectors(matrix.columns);
    Bits* bits = run.bits + row * step + start / LANES;
    each_vector([&](int r, int v, Vector& at) { bits[r * step + v] = passing(at); });
  }
  if (run.rectify) each_vector([](int, int, Vector& at) { at = rectified(at); });
  if (WHOLE && run.streams) {
    each_vector([&](int r, int v, Vector& at) { stream(to + r * run.step + v * LANES, at); });
  } else {
    each_vector([&](int r, int v, Vector& at) { store(to + r * run.step + v * LANES, at, lanes(v)); });
  }
  for (const Target& each : run.targets) {
    float* at = each.data + row * each.step + start;
    if (each.step == 0) {
#pragma GCC unroll 4
      for (int v = 0; v < COLUMNS; ++v) {
        Vector total = load(at + v * LANES, lanes(v));
#pragma GCC unroll 16
        for (int r = 0; r < ROWS; ++r) total += sum[r][v];
        store(at + v * LANES, total, lanes(v));
      }
      continue;
    }
    each_vector([&](int r, int v, Vector& sum) {
      float* own = at + r * each.step + v * LANES;
      store(own, load(own, lanes(v)) + sum, lanes(v));
    });
  }
}

template <int ROWS, int COLUMNS>
void tiles(const Run& run, int64_t row, const Packed& matrix, int64_t start) {
  bool whole = matrix.columns - start >= COLUMNS * LANES;
  auto compute = whole ? tile<ROWS, COLUMNS, true> : tile<ROWS, COLUMNS, false>;
  for (; row + ROWS <= run.count; row += ROWS) compute(run, row, matrix, start);
  if constexpr (ROWS > 1) tiles<ROWS / 2, COLUMNS>(run, row, matrix, start);
}

// out = rectify(base + addends + factors @ matrix), row by row.
inline void product(const Run& run, const Packed& matrix) {
  for (int64_t start = 0; start < matrix.columns; start += WIDE * LANES) {
    switch (std::min<int64_t>(WIDE, vectors(matrix.columns - start))) {
      case 1: tiles<tile_rows(1), 1>(run, 0, matrix, start); break;
      case 2: tiles<tile_rows(2), 2>(run, 0, matrix, start); break;
      case 3: tiles<tile_rows(3), 3>(run, 0, matrix, start); break;
      default: tiles<tile_rows(4), 4>(run, 0, matrix, start);
    }
  }
}

template <int ROWS, int COLUMNS, bool WHOLE>
inline void outer_tile(
    const float* g, int64_t g_step, const Rows& x, int64_t start, int64_t count, float* to, int64_t to_step) {
  int64_t left = WHOLE ? LANES : x.width - start - (COLUMNS - 1) * LANES;
  Vector sum[ROWS][COLUMNS];
#pragma GCC unroll 16
  for (int r = 0; r < ROWS; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < COLUMNS; ++v) sum[r][v] = load(to + r * to_step + start + v * LANES);
  const float* row = x.data + start;
  for (int64_t k = 0; k < count; ++k, row += x.step, g += g_step) {
    for (int64_t j = 0; j < COLUMNS * LANES; j += LINE) __builtin_prefetch(row + x.ahead + j);
    Vector across[COLUMNS];
#pragma GCC unroll 4
    for (int v = 0; v < COLUMNS; ++v) across[v] = load(row + v * LANES, v + 1 < COLUMNS ? (int64_t)LANES : left);
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; ++r)
#pragma GCC unroll 4
      for (int v = 0; v < COLUMNS; ++v) sum[r][v] += g[r] * across[v];
  }
#pragma GCC unroll 16
  for (int r = 0; r < ROWS; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < COLUMNS; ++v) store(to + r * to_step + start + v * LANES, sum[r][v]);
}

template <int ROWS, int COLUMNS>
void outer_tiles(
    const float* g, int64_t g_step, int64_t columns, int64_t column, const Rows& x, int64_t start, int64_t count,
    float* to, int64_t to_step) {
  bool whole = x.width - start >= COLUMNS * LANES;
  for (; column + ROWS <= columns; column += ROWS) {
    auto tile = whole ? outer_tile<ROWS, COLUMNS, true> : outer_tile<ROWS, COLUMNS, false>;
    tile(g + column, g_step, x, start, count, to + column * to_step, to_step);
  }
  if constexpr (ROWS > 1) outer_tiles<ROWS / 2, COLUMNS>(g, g_step, columns, column, x, start, count, to, to_step);
}

// to += g^T x over `count` rows, `(columns of g, width of x)` with rows of `to` of whole vectors.
inline void outer_product(
    const float* g, int64_t g_step, int64_t columns, const Rows& x, int64_t count, float* to, int64_t to_step) {
  constexpr int most = LANES == 16 ? 16 : 8;
  for (int64_t start = 0; start < x.width; start += WIDE * LANES) {
    switch (std::min<int64_t>(WIDE, vectors(x.width - start))) {
      case 1: outer_tiles<most, 1>(g, g_step, columns, 0, x, start, count, to, to_step); break;
      case 2: outer_tiles<tile_rows(2), 2>(g, g_step, columns, 0, x, start, count, to, to_step); break;
      case 3: outer_tiles<tile_rows(3), 3>(g, g_step, columns, 0, x, start, count, to, to_step); break;
      default: outer_tiles<tile_rows(4), 4>(g, g_step, columns, 0, x, start, count, to, to_step);
    }
  }
}

}  // namespace specc
