// The steps of a layer on a few networks at a time: sums, products, and products of rows with rows.
#pragma once

#include "layer.h"
#include "product.h"
#include "rows.h"
#include "sums.h"
#include "terms.h"

#include <variant>

namespace specc {

// Floats that are read and written at once, if they can be so few: they fit the second cache, with what is made of
// them.
constexpr int64_t CACHED = 1 << 18;

using Pointers = std::vector<float*>;

// Rows of a buffer that is known when the step is run; the first dimension of its grid is of networks.
struct Place : Strides {
  int64_t buffer = 0, start = 0, width = 0;

  float* in(const Pointers& buffers) const { return buffers[buffer] + start; }
  float* at(const Pointers& buffers, const Grid& grid, const int64_t* index, int64_t row) const {
    return in(buffers) + offset(grid, index, row);
  }
  Rows rows(const Pointers& buffers, const Grid& grid, const int64_t* index, int64_t row) const {
    return rows_from(at(buffers, grid, index, row), grid, width);
  }
};

// Where each dimension of a grid has which stride, before neighbours are joined.
inline void set_strides(Place& place, int64_t of_networks, const std::vector<int64_t>& strides) {
  place.stride[0] = of_networks;
  std::copy(strides.begin(), strides.end(), place.stride + 1);
}

// Joins neighbours of all dimensions but that of networks, in the order in which the first operand lies in
// memory, and has runs of rows long.
inline void simplify(Grid& grid, const std::vector<Strides*>& operands) {
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

inline Grid of_networks(Grid grid, int64_t networks) {
  grid.size[0] = networks;
  return grid;
}

// Writes the gradient of an output where the rectifier passes it: the numbers of whole tensors.
struct MaskStep {
  int64_t grad, out, buffer, start, numbers;

  void run(const Pointers& buffers, const std::vector<Packed>&, int64_t networks) const {
    const float *from = buffers[grad], *made = buffers[out];
    float* to = buffers[buffer] + start;
    for (int64_t i = 0, count = numbers * networks; i < count; i += LANES)
      store(to + i, kept(load(from + i, count - i), passing(load(made + i, count - i))), count - i);
  }
};

// Adds rows to those of a place, which is zero before unless it `gathers` from all networks.
struct SumStep {
  Grid grid;
  Place from, to;
  int64_t numbers = 0;  // of the result, for one network
  bool gathers = false;

  void simplified() { simplify(grid, {&from, &to}); }

  void run(const Pointers& buffers, const std::vector<Packed>&, int64_t networks) const {
    Grid all = of_networks(grid, networks);
    if (!gathers) std::fill_n(to.in(buffers), numbers * networks, 0.0f);
    walk(all, 0, all.rows(), run_of(from.width), [&](const int64_t* index, int64_t row, int64_t count, int64_t) {
      Rows rows = from.rows(buffers, all, index, row);
      float* target = to.at(buffers, all, index, row);
      if (to.step(all) != 0) {
        add_rows(rows, count, target, to.step(all));
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

  int64_t numbers() const { return Packed::numbers(depth, columns); }

  Packed packed(const Tensors& weights, float* to) const {
    const float* from = depth > 0 ? weights[level].data_ptr<float>() + start : nullptr;
    return pack(from, depth, columns, row, column, factors.data(), to);
  }
};

// Writes the product of joined rows with a matrix, and what is added to it.
struct ProductStep {
  Grid grid;
  std::vector<Place> factors, addends;
  Place out;
  int64_t matrix = 0;  // its place among those of all products
  bool rectify = false, streams = false;

  // What is read and written, the result first.
  std::vector<Place*> places() {
    std::vector<Place*> all = {&out};
    for (Place& each : factors) all.push_back(&each);
    for (Place& each : addends) all.push_back(&each);
    return all;
  }

  void run(const Pointers& buffers, const std::vector<Packed>& matrices, int64_t networks) const {
    Grid all = of_networks(grid, networks);
    Added<Place> added(addends, out.width);
    Run run;
    run.rectify = rectify;
    run.streams = streams;
    run.step = out.step(all);
    run.factors.resize(factors.size());
    walk(all, 0, all.rows(), run_of(out.width), [&](const int64_t* index, int64_t row, int64_t count, int64_t) {
      added.find(all, out.width, run, [&](const Place& each) { return each.at(buffers, all, index, row); });
      for (size_t i = 0; i < factors.size(); ++i) run.factors[i] = factors[i].rows(buffers, all, index, row);
      run.out = out.at(buffers, all, index, row);
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

  std::vector<Place*> places() { return {&g, &x}; }

  void run(const Pointers& buffers, const std::vector<Packed>&, int64_t networks) const {
    Grid all = of_networks(grid, networks);
    float* to = buffers[buffer] + offset;
    walk(all, 0, all.rows(), run_of(x.width), [&](const int64_t* index, int64_t row, int64_t count, int64_t) {
      const float* from = g.at(buffers, all, index, row);
      outer_product(from, g.step(all), g.width, x.rows(buffers, all, index, row), count, to, step);
    });
  }
};

// Sets what is negative to zero, in a whole tensor.
struct RectifyStep {
  int64_t buffer, numbers;

  void run(const Pointers& buffers, const std::vector<Packed>&, int64_t networks) const {
    float* to = buffers[buffer];
    for (int64_t i = 0, count = numbers * networks; i < count; i += LANES)
      store(to + i, rectified(load(to + i, count - i)), count - i);
  }
};

using Step = std::variant<MaskStep, SumStep, OuterStep, ProductStep, RectifyStep>;
using Steps = std::vector<Step>;

inline void run(const Steps& steps, const Pointers& buffers, const std::vector<Packed>& matrices, int64_t networks) {
  for (const Step& step : steps) std::visit([&](const auto& each) { each.run(buffers, matrices, networks); }, step);
}

inline void append(Steps& steps, const Steps& others) { steps.insert(steps.end(), others.begin(), others.end()); }

// Adds steps on all positions of one level, which read and write so many `numbers` together. Where these are many,
// several steps take turns, each on a part of the positions: what they read in common comes from memory once.
template <class S>
void take_turns(const std::vector<S>& some, int64_t numbers, Steps& steps) {
  if (some.empty()) return;
  const Grid& grid = some[0].grid;
  int longest = (int)(std::max_element(grid.size + 1, grid.size + grid.dims) - grid.size);
  int64_t size = grid.dims > 1 ? grid.size[longest] : 1;
  int64_t turns = some.size() > 1 ? std::clamp<int64_t>(numbers / CACHED, 1, size) : 1;
  for (int64_t turn = 0; turn < turns; ++turn)
    for (S part : some) {
      int64_t first = size * turn / turns;
      if (grid.dims > 1) part.grid.size[longest] = size * (turn + 1) / turns - first;
      std::vector<Strides*> operands;
      for (Place* each : part.places()) {
        each->start += first * each->stride[longest];
        operands.push_back(each);
      }
      simplify(part.grid, operands);
      steps.push_back(std::move(part));
    }
}

}  // namespace specc
