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
    TORCH_CHECK(
        each.size(0) == tensors[0].size(0), "a layer is given ", tensors[0].size(0), " and ", each.size(0),
        " networks");
}

// The matrix of each level, `(rows, columns)`.
Tensors matrices(const std::vector<Level>& levels, at::TensorList weights) {
  TORCH_CHECK(
      weights.size() == levels.size(), "a layer of ", levels.size(), " products has ", weights.size(), " weights");
  for (size_t l = 0; l < levels.size(); ++l) {
    int64_t rows = Level::width(levels[l].rows), columns = Level::width(levels[l].columns);
    TORCH_CHECK(
        weights[l].dim() == 2 && weights[l].size(0) == rows && weights[l].size(1) == columns,
        "a weight of a layer is (", rows, ", ", columns, "), not ", weights[l].sizes());
  }
  return contiguous(weights);
}

// The matrices of products, packed into a tensor of their own.
struct PackedMatrices {
  std::vector<Packed> each;
  at::Tensor data;

  PackedMatrices(const std::vector<Matrix>& matrices, const Tensors& weights) : each(matrices.size()) {
    std::vector<int64_t> starts = {0};
    for (const Matrix& matrix : matrices) starts.push_back(starts.back() + matrix.numbers());
    data = fresh({starts.back()}, at::kFloat);
    float* to = data.data_ptr<float>();
    int64_t count = matrices.size(), threads = threads_for(starts.back());
    on_threads(threads, [&](int64_t thread) {
      for (int64_t i = thread; i < count; i += threads) each[i] = matrices[i].packed(weights, to + starts[i]);
    });
  }
};

// Biases of the levels that have one, or none at all.
Tensors biases_of(const std::vector<Level>& levels, at::TensorList given) {
  if (given.empty()) return {};
  size_t bias = 0;
  for (const Level& each : levels) {
    if (!each.biased) continue;
    TORCH_CHECK(
        bias < given.size() && given[bias].numel() == Level::width(each.rows),
        "a bias of a layer is missing, or has another size");
    ++bias;
  }
  TORCH_CHECK(bias == given.size(), "a layer with ", bias, " biases is given ", given.size());
  return contiguous(given);
}

// Which of the tensors that a layer writes are to be stored past the caches.
std::vector<bool> streamed(const Tensors& tensors) {
  int64_t bytes = 0;
  for (const at::Tensor& each : tensors) bytes += each.nbytes();
  std::vector<bool> found;
  for (const at::Tensor& each : tensors) found.push_back(streams(each, bytes));
  return found;
}

void clear(const Tensors& tensors, const std::vector<int64_t>& untouched) {
  for (int64_t each : untouched) tensors[each].zero_();
}

Tensors backward(
    at::TensorList given_grads, at::TensorList given_outputs, at::TensorList given_inputs, at::TensorList given_weights,
    c10::string_view program, bool of_inputs) {
  Tensors grads = contiguous(given_grads), outputs = contiguous(given_outputs), inputs = contiguous(given_inputs);
  check(inputs, grads), check(inputs, outputs);
  Shapes shapes = shapes_of(inputs), made_shapes = shapes_of(grads);
  bool masks = !outputs.empty();
  TORCH_CHECK(
      !masks || shapes_of(outputs) == made_shapes, "the outputs of a layer and their gradients differ in sizes");
  Tensors of = of_inputs ? empty(shapes, inputs[0]) : Tensors();
  auto plan = backward_plan_of({inputs[0].size(0), program, shapes, made_shapes, streamed(of)}, masks, of_inputs);
  const Batches& batches = plan->batches;
  at::Tensor made = plan->products.zeros(batches.threads, inputs[0].options()), space = batches.space(plan->scratch);

  Buffers buffers;
  buffers.add(inputs);
  buffers.add(grads);
  buffers.add(outputs);
  buffers.add(of);
  buffers.add_of_threads(made);
  buffers.add_of_threads(space);
  clear(of, plan->untouched);
  PackedMatrices products(plan->matrices, of_inputs ? matrices(plan->levels, given_weights) : Tensors());
  batches.run(plan->steps, products.each, buffers);
  Tensors found = plan->products.results(plan->levels, made);
  found.insert(found.begin(), of.begin(), of.end());
  return found;
}

}  // namespace

Tensors layer(
    at::TensorList given, at::TensorList weights, at::TensorList biases, c10::string_view program,
    at::IntArrayRef sizes, bool rectify, bool adjoint) {
  Tensors read = contiguous(given);
  check(read, read);
  TORCH_CHECK(!adjoint || biases.empty(), "the adjoint of a layer has no biases");
  TableReader reader(program);
  Shapes from = shapes_of(read), to = shapes_of(sizes, adjoint ? reader.inputs : reader.outputs);
  Tensors made = empty(to, read[0]);
  Task task{read[0].size(0), program, adjoint ? to : from, adjoint ? from : to, streamed(made)};
  auto plan = plan_of(task, !biases.empty(), rectify, adjoint);
  Tensors terms = biases_of(plan->levels, biases);
  at::Tensor space = plan->batches.space(plan->scratch);

  Buffers buffers;
  buffers.add(read);
  buffers.add(made);
  buffers.add_of_threads(space);
  for (const at::Tensor& each : terms) buffers.add_shared(each);
  clear(made, plan->untouched);
  PackedMatrices products(plan->matrices, matrices(plan->levels, weights));
  plan->batches.run(plan->steps, products.each, buffers);
  return made;
}

Tensors layer_products(at::TensorList grads, at::TensorList inputs, c10::string_view program) {
  return backward(grads, {}, inputs, {}, program, false);
}

Tensors layer_backward(
    at::TensorList grads, at::TensorList outputs, at::TensorList inputs, at::TensorList weights,
    c10::string_view program, bool of_inputs) {
  return backward(grads, outputs, inputs, weights, program, of_inputs);
}

}  // namespace specc
