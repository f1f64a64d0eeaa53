// The steps of a layer on a few networks at a time: sums, products, and products of rows with rows.
#pragma once

#include "layer.h"
#include "product.h"
#include "rows.h"
#include "sums.h"
#include "terms.h"

namespace specc {

// Rows of a buffer that is known when the step is run; the first dimension of its grid is of networks.
struct Place : Operand {
  int64_t buffer = 0, start = 0, width = 0;

  void find(const std::vector<float*>& buffers) { data = buffers[buffer] + start; }
};

// Where each dimension of a grid has which stride, before neighbours are joined.
inline void set_strides(Place& place, int64_t of_networks, const std::vector<int64_t>& strides) {
  place.stride[0] = of_networks;
  std::copy(strides.begin(), strides.end(), place.stride + 1);
}

// Joins neighbours of all dimensions but that of networks, in the order in which the first operand lies in
// memory, and has runs of rows long.
inline void simplify(Grid& grid, const std::vector<Operand*>& operands) {
  sort(grid, operands, 1);
  coalesce(grid, operands, 1);
  lengthen(grid, operands, 1);
}

inline Grid grid_of(const std::vector<int64_t>& sizes) {
  TORCH_CHECK(sizes.size() < MAX_DIMS, "a layer has at most ", MAX_DIMS - 1, " axes at once");
  std::vector<int64_t> all = {0};
  all.insert(all.end(), sizes.begin(), sizes.end());
  return Grid(all);
}

// Adds rows to those of a place, which is zero before unless it `gathers` from all networks.
struct SumStep {
  Grid grid;
  Place from, to;
  int64_t numbers = 0;  // of the result, for one network
  bool gathers = false;

  void simplified() { simplify(grid, {&from, &to}); }

  void run(const std::vector<float*>& buffers, int64_t networks) {
    grid.size[0] = networks;
    from.find(buffers);
    to.find(buffers);
    if (!gathers) std::fill_n(to.data, numbers * networks, 0.0f);
    walk(grid, 0, grid.rows(), run_of(from.width), [&](const int64_t* index, int64_t row, int64_t count, int64_t) {
      Rows rows = from.rows(grid, index, row, from.width);
      float* target = to.data + to.offset(grid, index, row);
      if (to.step(grid) != 0) {
        add_rows(rows, count, target, to.step(grid));
      } else {
        add_sum(rows, count, &target, 1);
      }
    });
  }
};

// The matrix of a product: a part of the weight of a level, element (k, j) of which is at `start + k * row +
// j * column`, times the factor of k.
struct Matrix {
  int64_t level, start, depth, columns, row, column;
  std::vector<float> factors;

  // Of products that are nothing but what is added to them.
  static Matrix without_rows(int64_t columns) { return {0, 0, 0, columns, 0, 0, {}}; }

  Packed packed(const Tensors& weights) const {
    const float* from = depth > 0 ? weights[level].data_ptr<float>() + start : nullptr;
    return Packed(from, depth, columns, row, column, factors.data());
  }
};

// Writes the product of joined rows with a matrix, and what is added to it.
struct ProductStep {
  Grid grid;
  std::vector<Place> factors, addends;
  Place out;
  int64_t matrix = 0;  // its place among those of all products
  bool rectify = false, streams = false;

  void simplified() {
    std::vector<Operand*> all = {&out};
    for (Place& each : factors) all.push_back(&each);
    for (Place& each : addends) all.push_back(&each);
    simplify(grid, all);
  }

  void run(const std::vector<float*>& buffers, const std::vector<Packed>& matrices, int64_t networks) {
    grid.size[0] = networks;
    out.find(buffers);
    for (Place& each : factors) each.find(buffers);
    for (Place& each : addends) each.find(buffers);
    Added<Place> added(addends, out.width);
    Run run;
    run.rectify = rectify;
    run.streams = streams;
    run.step = out.step(grid);
    run.factors.resize(factors.size());
    walk(grid, 0, grid.rows(), run_of(out.width), [&](const int64_t* index, int64_t row, int64_t count, int64_t) {
      added.at(grid, index, row, out.width, run);
      for (size_t i = 0; i < factors.size(); ++i) run.factors[i] = factors[i].rows(grid, index, row, factors[i].width);
      run.out = out.data + out.offset(grid, index, row);
      run.count = count;
      product(run, matrices[matrix]);
    });
  }
};

// Adds g^T x, over all positions of a level, to a block of the gradient of its matrix.
struct OuterStep {
  Grid grid;
  Place g, x;
  int64_t buffer = 0, offset = 0, step = 0;

  void simplified() { simplify(grid, {&g, &x}); }

  void run(const std::vector<float*>& buffers, int64_t networks) {
    grid.size[0] = networks;
    g.find(buffers);
    x.find(buffers);
    float* to = buffers[buffer] + offset;
    walk(grid, 0, grid.rows(), run_of(x.width), [&](const int64_t* index, int64_t row, int64_t count, int64_t) {
      const float* from = g.data + g.offset(grid, index, row);
      outer_product(from, g.step(grid), g.width, x.rows(grid, index, row, x.width), count, to, step);
    });
  }
};

// Sets what is negative to zero, in a whole tensor.
struct RectifyStep {
  int64_t buffer, numbers;

  void run(const std::vector<float*>& buffers, int64_t networks) const {
    float* to = buffers[buffer];
    for (int64_t i = 0, count = numbers * networks; i < count; i += LANES)
      store(to + i, rectified(load(to + i, count - i)), count - i);
  }
};

struct Steps {
  std::vector<SumStep> sums;
  std::vector<OuterStep> outers;
  std::vector<ProductStep> products;
  std::vector<RectifyStep> rectified;

  void run(const std::vector<float*>& buffers, const std::vector<Packed>& matrices, int64_t networks) {
    for (SumStep& each : sums) each.run(buffers, networks);
    for (OuterStep& each : outers) each.run(buffers, networks);
    for (ProductStep& each : products) each.run(buffers, matrices, networks);
    for (const RectifyStep& each : rectified) each.run(buffers, networks);
  }
};

}  // namespace specc
