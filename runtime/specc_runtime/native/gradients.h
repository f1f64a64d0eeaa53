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

  // The gradients of weights, then of biases, from what was made of all networks.
  Tensors results(const std::vector<Level>& levels, const at::Tensor& made) const {
    Tensors weights, of_biases;
    for (size_t l = 0; l < levels.size(); ++l) {
      int64_t rows = Level::width(levels[l].rows), column = 0;
      at::Tensor whole = made.narrow(0, starts[l], rows * steps[l]).view({rows, steps[l]});
      Tensors blocks;
      for (const View& each : levels[l].columns) {
        at::Tensor block = whole.narrow(1, column, each.width);
        int64_t others = each.others(levels[l].strands);
        blocks.push_back(others == 1 ? block : block.div_((double)others));
        column += padded(each);
      }
      weights.push_back(blocks.empty() ? at::empty({rows, 0}, made.options()) : at::cat(blocks, 1));
      if (levels[l].biased) of_biases.push_back(made.narrow(0, biases[l], rows).clone());
    }
    weights.insert(weights.end(), of_biases.begin(), of_biases.end());
    return weights;
  }
};

// The gradients of outputs where the rectifier passes them.
inline void mask(float* to, const float* grad, const float* out, int64_t count) {
  for (int64_t i = 0; i < count; i += LANES)
    store(to + i, kept(load(grad + i, count - i), passing(load(out + i, count - i))), count - i);
}

}  // namespace specc
