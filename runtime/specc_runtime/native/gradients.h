// The gradients of a layer's parameters: products of its columns with the gradients of its rows.
#pragma once

#include "layer.h"
#include "memory.h"
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

  // Adds the steps that make those of one level, of the rows of its columns and of its rows.
  void add_steps(
      const std::vector<Level>& levels, size_t l, const std::vector<Place>& columns, const std::vector<Place>& rows,
      int64_t buffer, int64_t networks, Steps& found) const {
    const Level& level = levels[l];
    std::vector<OuterStep> outers;
    for (size_t r = 0; r < rows.size(); ++r) {
      int64_t start = level.rows[r].start, column = 0;
      for (size_t c = 0; c < columns.size(); ++c) {
        outers.push_back(
            {grid_of(level.sizes), rows[r], columns[c], buffer, starts[l] + start * steps[l] + column, steps[l]});
        column += padded(level.columns[c]);
      }
      if (!level.biased) continue;
      SumStep sum{grid_of(level.sizes), rows[r]};
      sum.to.buffer = buffer;
      sum.to.start = biases[l] + start;
      sum.gathers = true;
      sum.simplified();
      found.push_back(sum);
    }
    take_turns(outers, networks * level.numbers(), found);
  }

  // Zeros `(threads, size)`, for each thread to add what it makes of its networks.
  at::Tensor zeros(int64_t threads, const at::TensorOptions& options) const {
    at::Tensor found = fresh({threads, size}, options);
    float* data = found.data_ptr<float>();
    at::parallel_for(
        0, found.numel(), GRAIN, [&](int64_t begin, int64_t end) { std::fill(data + begin, data + end, 0.0f); });
    return found;
  }

  // The gradients of weights, then of biases: what the threads made, added up.
  Tensors results(const std::vector<Level>& levels, const at::Tensor& made) const {
    Tensors weights, of_biases;
    const float* from = made.data_ptr<float>();
    int64_t threads = made.size(0);
    for (size_t l = 0; l < levels.size(); ++l) {
      const Level& level = levels[l];
      int64_t rows = Level::width(level.rows), columns = Level::width(level.columns);
      weights.push_back(fresh({rows, columns}, made.options()));
      float* to = weights.back().data_ptr<float>();
      at::parallel_for(0, rows, GRAIN / std::max<int64_t>(columns, 1) + 1, [&](int64_t begin, int64_t end) {
        int64_t column = 0;
        for (const View& each : level.columns) {
          float factor = 1.0f / (float)each.others(level.strands);
          for (int64_t row = begin; row < end; ++row)
            add_up(
                from + starts[l] + row * steps[l] + column, threads, each.width, factor,
                to + row * columns + each.start);
          column += padded(each);
        }
      });
      if (!level.biased) continue;
      of_biases.push_back(at::empty({rows}, made.options()));
      add_up(from + biases[l], threads, rows, 1.0f, of_biases.back().data_ptr<float>());
    }
    weights.insert(weights.end(), of_biases.begin(), of_biases.end());
    return weights;
  }

 private:
  // Multiples of numbers that lie one after the other, summed over threads.
  void add_up(const float* from, int64_t threads, int64_t count, float factor, float* to) const {
    for (int64_t j = 0; j < count; j += LANES) {
      Vector sum = {};
      for (int64_t thread = 0; thread < threads; ++thread) sum += load(from + thread * size + j, count - j);
      store(to + j, sum * factor, count - j);
    }
  }
};

}  // namespace specc
