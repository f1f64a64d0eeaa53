// A whole layer of means, products and broadcasts, a few networks at a time: small ones stay in a core's cache
// from the first sum to the last row, and nothing between inputs and outputs is a tensor. The gradient with
// respect to the inputs is a layer of the same kind, with columns for rows and its matrices transposed.
#include "layer.h"

#include "memory.h"
#include "pages.h"
#include "plan.h"

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

// The matrices of products, packed.
std::vector<Packed> packed(const std::vector<Matrix>& matrices, const Tensors& weights) {
  int64_t count = matrices.size(), numbers = 0;
  for (const Matrix& each : matrices) numbers += each.depth * each.columns;
  int64_t threads = threads_for(numbers);
  std::vector<Packed> found(count);
  at::parallel_for(0, threads, 1, [&](int64_t begin, int64_t end) {
    for (int64_t thread = begin; thread < end; ++thread)
      for (int64_t i = thread; i < count; i += threads) found[i] = matrices[i].packed(weights);
  });
  return found;
}

// Biases of the levels that have one, or none at all.
Tensors biases_of(const std::vector<Level>& levels, at::TensorList given) {
  if (given.empty()) return {};
  size_t bias = 0;
  for (const Level& each : levels) {
    if (!each.biased) continue;
    TORCH_CHECK(bias < given.size() && given[bias].numel() == Level::width(each.rows),
        "a bias of a layer is missing, or has another size");
    ++bias;
  }
  TORCH_CHECK(bias == given.size(), "a layer with ", bias, " biases is given ", given.size());
  return contiguous(given);
}

std::vector<bool> streamed(const Tensors& tensors) {
  std::vector<bool> found;
  for (const at::Tensor& each : tensors) found.push_back(streams(each));
  return found;
}

void clear(const Tensors& tensors, const std::vector<int64_t>& untouched) {
  for (int64_t each : untouched) tensors[each].zero_();
}

Tensors backward(
    at::TensorList given_grads, at::TensorList given_outputs, at::TensorList given_inputs, at::TensorList given_weights,
    at::IntArrayRef program, bool of_inputs) {
  Tensors grads = contiguous(given_grads), outputs = contiguous(given_outputs), inputs = contiguous(given_inputs);
  check(inputs, grads), check(inputs, outputs);
  Shapes shapes = shapes_of(inputs), made_shapes = shapes_of(grads);
  bool masks = !outputs.empty();
  TORCH_CHECK(!masks || shapes_of(outputs) == made_shapes, "the outputs of a layer and their gradients differ in sizes");
  Tensors of = of_inputs ? empty(shapes, inputs[0]) : Tensors();
  auto plan = backward_plan_of({inputs[0].size(0), program, shapes, made_shapes, streamed(of)}, masks, of_inputs);
  const Batches& batches = plan->batches;
  at::Tensor made = plan->products.zeros(batches.threads, inputs[0].options());

  Buffers buffers;
  buffers.add(inputs);
  int64_t first_grad = buffers.add(grads);
  buffers.add(of);
  int64_t made_buffer = buffers.add(made.data_ptr<float>(), 0);
  buffers.scratch = buffers.add(nullptr, 0);
  clear(of, plan->untouched);
  Tensors weights = of_inputs ? matrices(plan->levels, given_weights) : Tensors();
  auto prepare = [&](int64_t thread, int64_t first, int64_t count, std::vector<float*>& at) {
    at[made_buffer] += thread * plan->products.size;
    for (size_t i = 0; i < plan->masked.size(); ++i) {
      int64_t each = numbers(made_shapes[i]);
      float* to = at[buffers.scratch] + plan->masked[i];
      mask(to, at[first_grad + i], outputs[i].data_ptr<float>() + first * each, each * count);
      at[first_grad + i] = to;
    }
  };
  batches.run(plan->steps, packed(plan->matrices, weights), buffers, plan->scratch, prepare);
  Tensors found = plan->products.results(plan->levels, made);
  found.insert(found.begin(), of.begin(), of.end());
  return found;
}

}  // namespace

Tensors layer(
    at::TensorList given, at::TensorList weights, at::TensorList biases, at::IntArrayRef program, at::IntArrayRef sizes,
    bool rectify, bool adjoint) {
  Tensors read = contiguous(given);
  check(read, read);
  TORCH_CHECK(!adjoint || biases.empty(), "the adjoint of a layer has no biases");
  TableReader reader(program);
  Shapes from = shapes_of(read), to = shapes_of(sizes, adjoint ? reader.inputs : reader.outputs);
  Tensors made = empty(to, read[0]);
  Task task{read[0].size(0), program, adjoint ? to : from, adjoint ? from : to, streamed(made)};
  auto plan = plan_of(task, !biases.empty(), rectify, adjoint);
  Tensors terms = biases_of(plan->levels, biases);

  Buffers buffers;
  buffers.add(read);
  buffers.add(made);
  for (const at::Tensor& each : terms) buffers.add(each.data_ptr<float>(), 0);
  buffers.scratch = buffers.add(nullptr, 0);
  clear(made, plan->untouched);
  std::vector<Packed> products = packed(plan->matrices, matrices(plan->levels, weights));
  plan->batches.run(plan->steps, products, buffers, plan->scratch, [](auto&&...) {});
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
