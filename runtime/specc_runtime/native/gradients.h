// The gradients of a layer's parameters: products of its columns with the gradients of its rows.
#pragma once

#include "layer.h"
#include "reading.h"
#include "steps.h"
#include "table.h"

namespace specc {

// Where the gradient of each level's matrix and bias is made, with rows of whole vectors.
struct Products {
  std::vector<int64_t> starts, biases, steps;
  int64_t size = 0;

  explicit Products(const std::vector<Level>& levels) {
    for (const Level& level : levels) {
      int64_t step = 0, rows = Level::width(level.rows);
      for (const View& each : level.columns) step += padded(each);
      starts.push_back(size);
      steps.push_back(step);
      size += rows * step;
      biases.push_back(size);
      size += level.biased * (rows + LANES);
    }
  }
  static int64_t padded(const View& view) { return vectors(view.width) * LANES; }

  void steps_of(const std::vector<Level>& levels, const Places& columns, const Places& rows, int64_t buffer, Steps& found) const {
    for (size_t l = 0; l < levels.size(); ++l) {
      for (size_t r = 0; r < rows[l].size(); ++r) {
        int64_t start = levels[l].rows[r].start, column = 0;
        for (size_t c = 0; c < columns[l].size(); ++c) {
          int64_t block = starts[l] + start * steps[l] + column;
          found.outers.push_back({grid_of(levels[l].sizes), rows[l][r], columns[l][c], buffer, block, steps[l]});
          found.outers.back().simplified();
          column += padded(levels[l].columns[c]);
        }
        if (!levels[l].biased) continue;
        SumStep sum{grid_of(levels[l].sizes), rows[l][r]};
        sum.to.buffer = buffer;
        sum.to.start = biases[l] + start;
        sum.gathers = true;
        sum.simplified();
        found.sums.push_back(sum);
      }
    }
  }

  // The gradients of weights, then of biases, from `(threads, size)`, what each thread made of its networks.
  Tensors results(const std::vector<Level>& levels, const at::Tensor& made) const {
    Tensors weights, of_biases;
    for (size_t l = 0; l < levels.size(); ++l) {
      int64_t rows = Level::width(levels[l].rows), columns = Level::width(levels[l].columns), column = 0;
      at::Tensor weight = at::empty({rows, columns}, made.options());
      for (const View& each : levels[l].columns) {
        float factor = 1.0f / (float)each.others(levels[l].strands);
        for (int64_t row = 0; row < rows; ++row)
          add_up(made, starts[l] + row * steps[l] + column, each.width, factor,
              weight.data_ptr<float>() + row * columns + each.start);
        column += padded(each);
      }
      weights.push_back(weight);
      if (!levels[l].biased) continue;
      of_biases.push_back(at::empty({rows}, made.options()));
      add_up(made, biases[l], rows, 1.0f, of_biases.back().data_ptr<float>());
    }
    weights.insert(weights.end(), of_biases.begin(), of_biases.end());
    return weights;
  }

  // Multiples of numbers that lie one after the other, summed over threads.
  void add_up(const at::Tensor& made, int64_t start, int64_t count, float factor, float* to) const {
    const float* from = made.data_ptr<float>() + start;
    for (int64_t j = 0; j < count; j += LANES) {
      Vector sum = {};
      for (int64_t thread = 0; thread < made.size(0); ++thread) sum += load(from + thread * size + j, count - j);
      store(to + j, sum * factor, count - j);
    }
  }
};

// The gradients of outputs where the rectifier passes them.
inline void mask(float* to, const float* grad, const float* out, int64_t count) {
  for (int64_t i = 0; i < count; i += LANES)
    store(to + i, kept(load(grad + i, count - i), passing(load(out + i, count - i))), count - i);
}

}  // namespace specc
