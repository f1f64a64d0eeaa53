// A whole layer of means, products and broadcasts, a few networks at a time: small ones stay in a core's cache
// from the first sum to the last row, and nothing between inputs and outputs is a tensor. The gradient with
// respect to the inputs is a layer of the same kind, with columns for rows and its matrices transposed.
#include "layer.h"

#include "batches.h"
#include "gradients.h"
#include "memory.h"
#include "reading.h"
#include "steps.h"
#include "table.h"
#include "writing.h"

namespace specc {
namespace {

Shapes shapes_of(const Tensors& tensors) {
  Shapes found;
  for (const at::Tensor& each : tensors) found.push_back(each.sizes().slice(1).vec());
  return found;
}

Shapes shapes_of(at::IntArrayRef sizes, const std::vector<int64_t>& axes) {
  Shapes found;
  size_t place = 0;
  for (int64_t count : axes) {
    TORCH_CHECK(place + count < sizes.size(), "the sizes of a layer's tensors end too early");
    found.push_back(sizes.slice(place, count + 1).vec());
    place += count + 1;
  }
  return found;
}

Tensors contiguous(at::TensorList given) {
  Tensors found;
  for (const at::Tensor& each : given) found.push_back(each.contiguous());
  return found;
}

Tensors empty(const Shapes& shapes, const at::Tensor& like) {
  Tensors found;
  for (std::vector<int64_t> sizes : shapes) {
    sizes.insert(sizes.begin(), like.size(0));
    found.push_back(fresh(sizes, like.options()));
  }
  return found;
}

// Whether tensors are of as many networks as others.
void check(const Tensors& tensors, const Tensors& others) {
  TORCH_CHECK(!tensors.empty(), "a layer has no tensors");
  for (const at::Tensor& each : others)
    TORCH_CHECK(each.size(0) == tensors[0].size(0), "a layer is given ", tensors[0].size(0), " and ", each.size(0), " networks");
}

int64_t total(const Shapes& shapes) {
  int64_t sum = 0;
  for (const auto& each : shapes) sum += numbers(each);
  return sum;
}

// The matrix of each level, `(rows, columns)`.
Tensors matrices(const std::vector<Level>& levels, at::TensorList weights) {
  TORCH_CHECK(weights.size() == levels.size(), "a layer of ", levels.size(), " products has ", weights.size(), " weights");
  for (size_t l = 0; l < levels.size(); ++l) {
    int64_t rows = Level::width(levels[l].rows), columns = Level::width(levels[l].columns);
    TORCH_CHECK(weights[l].dim() == 2 && weights[l].size(0) == rows && weights[l].size(1) == columns,
        "a weight of a layer is (", rows, ", ", columns, "), not ", weights[l].sizes());
  }
  return contiguous(weights);
}

// What makes means of sums: for each column of a level.
std::vector<float> factors(const Level& level) {
  std::vector<float> found;
  for (const View& each : level.columns) found.insert(found.end(), each.width, 1.0f / (float)each.others(level.strands));
  return found;
}

// Zeros where nothing is written.
void clear(const Tensors& tensors, const Writing& writing) {
  for (size_t i = 0; i < tensors.size(); ++i)
    if (!writing.writes(i)) tensors[i].zero_();
}

// The products of levels, for the rows of outputs or, transposed, for the columns of inputs.
void write(
    const std::vector<Level>& levels, const Places& places, const Tensors& weights, const Tensors& biases,
    int64_t first_bias, bool adjoint, Writing& writing, std::deque<Packed>& packed) {
  size_t bias = 0;
  for (size_t l = 0; l < levels.size(); ++l) {
    const Level& level = levels[l];
    int64_t rows = weights[l].size(0), columns = weights[l].size(1);
    const float* weight = weights[l].data_ptr<float>();
    std::vector<float> of_columns = factors(level);
    for (const View& view : adjoint ? level.columns : level.rows) {
      ProductStep step{grid_of(level.sizes)};
      step.factors = places[l];
      if (adjoint) {
        std::vector<float> of_rows(rows, of_columns[view.start]);  // those of a view are equal
        packed.emplace_back(weight + view.start, rows, view.width, columns, 1, of_rows.data());
      } else {
        packed.emplace_back(weight + view.start * columns, columns, view.width, 1, columns, of_columns.data());
      }
      step.matrix = &packed.back();
      if (level.biased && !biases.empty()) {
        TORCH_CHECK(bias < biases.size() && biases[bias].numel() == rows, "a bias of a layer is missing, or has another size");
        Place term;
        term.buffer = first_bias + bias;
        term.start = view.start;
        step.addends.push_back(term);
      }
      writing.add(level, view, std::move(step));
    }
    bias += level.biased;
  }
}

Tensors backward(
    at::TensorList given_grads, at::TensorList given_outputs, at::TensorList given_inputs, at::TensorList given_weights,
    at::IntArrayRef program, bool of_inputs) {
  Tensors grads = contiguous(given_grads), outputs = contiguous(given_outputs), inputs = contiguous(given_inputs);
  Shapes shapes = shapes_of(inputs), made_shapes = shapes_of(grads);
  check(inputs, grads), check(inputs, outputs);
  std::vector<Level> levels = TableReader(program).levels(shapes, made_shapes);
  int64_t floats = total(shapes) * (of_inputs ? 2 : 1) + total(made_shapes) * 2;
  Batches batches(inputs[0].size(0), floats, floats);
  bool masks = !outputs.empty();
  Products products(levels);
  Tensors of = of_inputs ? empty(shapes, inputs[0]) : Tensors();
  at::Tensor made = at::zeros({batches.threads, products.size}, inputs[0].options());

  Buffers buffers;
  int64_t first_input = buffers.add(inputs), first_grad = buffers.add(grads), first_of = buffers.add(of);
  int64_t made_buffer = buffers.add(made.data_ptr<float>(), 0), scratch_buffer = buffers.scratch = buffers.add(nullptr, 0);
  Scratch scratch{batches.at_once};
  std::vector<int64_t> masked;
  for (const auto& each : made_shapes) masked.push_back(masks ? scratch.take(numbers(each)) : 0);
  Steps steps;
  Places columns = read(levels, &Level::columns, shapes, first_input, scratch_buffer, scratch, steps);
  Places rows = read(levels, &Level::rows, made_shapes, first_grad, scratch_buffer, scratch, steps);
  products.steps_of(levels, columns, rows, made_buffer, steps);
  std::deque<Packed> packed;
  Writing writing(shapes, of, first_of, scratch_buffer, false);
  if (of_inputs) {
    write(levels, rows, matrices(levels, given_weights), {}, 0, true, writing, packed);
    clear(of, writing);
    writing.finish(scratch, steps);
  }
  batches.run(steps, buffers, scratch, [&](int64_t thread, int64_t first, int64_t count, std::vector<float*>& at) {
    at[made_buffer] += thread * products.size;
    for (size_t i = 0; i < grads.size() && masks; ++i) {
      int64_t each = numbers(made_shapes[i]);
      float* to = at[scratch_buffer] + masked[i];
      mask(to, at[first_grad + i], outputs[i].data_ptr<float>() + first * each, each * count);
      at[first_grad + i] = to;
    }
  });
  Tensors found = products.results(levels, made);
  found.insert(found.begin(), of.begin(), of.end());
  return found;
}

}  // namespace

Tensors layer(
    at::TensorList given, at::TensorList weights, at::TensorList biases, at::IntArrayRef program, at::IntArrayRef sizes,
    bool rectify, bool adjoint) {
  Tensors read_tensors = contiguous(given), terms = contiguous(biases);
  check(read_tensors, read_tensors);
  TORCH_CHECK(!adjoint || biases.empty(), "the adjoint of a layer has no biases");
  TableReader reader(program);
  Shapes from = shapes_of(read_tensors), to = shapes_of(sizes, adjoint ? reader.inputs : reader.outputs);
  std::vector<Level> levels = adjoint ? reader.levels(to, from) : reader.levels(from, to);
  Tensors products = matrices(levels, weights), made = empty(to, read_tensors[0]);
  int64_t floats = total(from) + total(to);
  Batches batches(read_tensors[0].size(0), floats, floats);

  Buffers buffers;
  int64_t first_read = buffers.add(read_tensors), first_made = buffers.add(made), first_bias = buffers.starts.size();
  for (const at::Tensor& each : terms) buffers.add(each.data_ptr<float>(), 0);
  int64_t scratch_buffer = buffers.scratch = buffers.add(nullptr, 0);
  Scratch scratch{batches.at_once};
  Steps steps;
  Places places = read(levels, adjoint ? &Level::rows : &Level::columns, from, first_read, scratch_buffer, scratch, steps);
  std::deque<Packed> packed;
  Writing writing(to, made, first_made, scratch_buffer, rectify);
  write(levels, places, products, terms, first_bias, adjoint, writing, packed);
  clear(made, writing);
  writing.finish(scratch, steps);
  batches.run(steps, buffers, scratch, [](auto&&...) {});
  return made;
}

Tensors layer_products(at::TensorList grads, at::TensorList inputs, at::IntArrayRef program) {
  return backward(grads, {}, inputs, {}, program, false);
}

Tensors layer_backward(
    at::TensorList grads, at::TensorList outputs, at::TensorList inputs, at::TensorList weights, at::IntArrayRef program,
    bool of_inputs) {
  return backward(grads, outputs, inputs, weights, program, of_inputs);
}

}  // namespace specc
