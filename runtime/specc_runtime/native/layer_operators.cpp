// The operators on whole layers, `specc_native::layer` and what its gradients are.
#include "layer.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

namespace specc {

Tensors call_layer(
    at::TensorList inputs, at::TensorList weights, at::TensorList biases, c10::string_view program,
    c10::SymIntArrayRef sizes, bool rectify, bool adjoint) {
  static auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("specc_native::layer", "")
          .typed<Tensors(
              at::TensorList, at::TensorList, at::TensorList, c10::string_view, c10::SymIntArrayRef, bool, bool)>();
  return op.call(inputs, weights, biases, program, sizes, rectify, adjoint);
}

namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

Tensors call_layer_products(at::TensorList grads, at::TensorList inputs, c10::string_view program) {
  static auto op = c10::Dispatcher::singleton()
                       .findSchemaOrThrow("specc_native::layer_products", "")
                       .typed<Tensors(at::TensorList, at::TensorList, c10::string_view)>();
  return op.call(grads, inputs, program);
}

Tensors call_layer_backward(
    at::TensorList grads, at::TensorList outputs, at::TensorList inputs, at::TensorList weights,
    c10::string_view program, bool of_inputs) {
  static auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("specc_native::layer_backward", "")
          .typed<Tensors(at::TensorList, at::TensorList, at::TensorList, at::TensorList, c10::string_view, bool)>();
  at::AutoDispatchBelowADInplaceOrView guard;  // autograd would box all arguments to record nothing
  return op.call(grads, outputs, inputs, weights, program, of_inputs);
}

bool any_required(std::initializer_list<at::TensorList> lists) {
  for (at::TensorList list : lists)
    for (const Tensor& each : list)
      if (each.requires_grad()) return true;
  return false;
}

Tensors between(const variable_list& all, size_t first, size_t count) {
  return Tensors(all.begin() + first, all.begin() + first + count);
}

// The sizes of tensors but for those of their batch, one after the other.
std::vector<c10::SymInt> sizes_of(const Tensors& tensors) {
  std::vector<c10::SymInt> found;
  for (const Tensor& each : tensors)
    for (const auto& size : each.sym_sizes().slice(1)) found.push_back(size);
  return found;
}

// A layer is linear in its inputs and in its weights: its derivatives are the adjoint layer and the products.
struct Layer : torch::autograd::Function<Layer> {
  static variable_list forward(
      AutogradContext* context, at::TensorList inputs, at::TensorList weights, at::TensorList biases,
      std::string program, std::vector<c10::SymInt> sizes, bool rectify, bool adjoint) {
    at::AutoDispatchBelowADInplaceOrView guard;
    Tensors outputs = call_layer(inputs, weights, biases, program, sizes, rectify, adjoint);
    variable_list kept(inputs.begin(), inputs.end());
    kept.insert(kept.end(), weights.begin(), weights.end());
    if (rectify) kept.insert(kept.end(), outputs.begin(), outputs.end());
    context->save_for_backward(kept);
    context->saved_data["inputs"] = (int64_t)inputs.size();
    context->saved_data["weights"] = (int64_t)weights.size();
    context->saved_data["biases"] = (int64_t)biases.size();
    context->saved_data["program"] = program;
    context->saved_data["rectify"] = rectify;
    context->saved_data["adjoint"] = adjoint;
    return outputs;
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    variable_list kept = context->get_saved_variables();
    size_t inputs_count = context->saved_data["inputs"].toInt(), weights_count = context->saved_data["weights"].toInt();
    size_t biases_count = context->saved_data["biases"].toInt();
    Tensors inputs = between(kept, 0, inputs_count), weights = between(kept, inputs_count, weights_count);
    Tensors outputs = between(kept, inputs_count + weights_count, kept.size() - inputs_count - weights_count), found;
    std::string program = context->saved_data["program"].toStringRef();
    bool rectify = context->saved_data["rectify"].toBool(), adjoint = context->saved_data["adjoint"].toBool();
    bool of_inputs = false;
    for (size_t i = 0; i < inputs_count; ++i) of_inputs |= context->needs_input_grad(i);
    if (at::GradMode::is_enabled() || adjoint) {
      for (size_t i = 0; i < grads.size() && rectify; ++i) grads[i] = at::threshold_backward(grads[i], outputs[i], 0);
      found = of_inputs ? call_layer(grads, weights, {}, program, sizes_of(inputs), false, !adjoint)
                        : Tensors(inputs_count);
      Tensors products =
          adjoint ? call_layer_products(inputs, grads, program) : call_layer_products(grads, inputs, program);
      found.insert(found.end(), products.begin(), products.end());
    } else {
      found = call_layer_backward(grads, outputs, inputs, weights, program, of_inputs);
      if (!of_inputs) found.insert(found.begin(), inputs_count, Tensor());
    }
    found.resize(inputs_count + weights_count + biases_count);
    found.resize(found.size() + 4);  // of what is no tensor
    return found;
  }
};

Tensors layer_autograd(
    at::TensorList inputs, at::TensorList weights, at::TensorList biases, c10::string_view program,
    c10::SymIntArrayRef sizes, bool rectify, bool adjoint) {
  if (at::GradMode::is_enabled() && any_required({inputs, weights, biases}))
    return Layer::apply(
        inputs, weights, biases, std::string(program.data(), program.size()), sizes.vec(), rectify, adjoint);
  at::AutoDispatchBelowADInplaceOrView guard;
  return call_layer(inputs, weights, biases, program, sizes, rectify, adjoint);
}

// The products are linear in gradients and in inputs.
struct LayerProducts : torch::autograd::Function<LayerProducts> {
  static variable_list forward(
      AutogradContext* context, at::TensorList grads, at::TensorList inputs, std::string program) {
    at::AutoDispatchBelowADInplaceOrView guard;
    Tensors products = call_layer_products(grads, inputs, program);
    variable_list kept(grads.begin(), grads.end());
    kept.insert(kept.end(), inputs.begin(), inputs.end());
    context->save_for_backward(kept);
    context->saved_data["grads"] = (int64_t)grads.size();
    context->saved_data["program"] = program;
    return products;
  }

  static variable_list backward(AutogradContext* context, variable_list given) {
    variable_list kept = context->get_saved_variables();
    size_t grads_count = context->saved_data["grads"].toInt(), levels = 0;
    Tensors grads = between(kept, 0, grads_count), inputs = between(kept, grads_count, kept.size() - grads_count);
    std::string program = context->saved_data["program"].toStringRef();
    while (levels < given.size() && given[levels].dim() == 2) ++levels;  // biases have one dimension
    Tensors weights = between(given, 0, levels), biases = between(given, levels, given.size() - levels);
    Tensors found = call_layer(inputs, weights, biases, program, sizes_of(grads), false, false);
    Tensors of_inputs = call_layer(grads, weights, {}, program, sizes_of(inputs), false, true);
    found.insert(found.end(), of_inputs.begin(), of_inputs.end());
    found.emplace_back();  // of the program
    return found;
  }
};

Tensors layer_products_autograd(at::TensorList grads, at::TensorList inputs, c10::string_view program) {
  if (at::GradMode::is_enabled() && any_required({grads, inputs}))
    return LayerProducts::apply(grads, inputs, std::string(program.data(), program.size()));
  at::AutoDispatchBelowADInplaceOrView guard;
  return call_layer_products(grads, inputs, program);
}

}  // namespace
}  // namespace specc

TORCH_LIBRARY_FRAGMENT(specc_native, library) {
  library.def(
      "layer(Tensor[] inputs, Tensor[] weights, Tensor[] biases, str program, SymInt[] sizes, bool rectify, bool "
      "adjoint) -> Tensor[]");
  library.def("layer_products(Tensor[] grads, Tensor[] inputs, str program) -> Tensor[]");
  library.def(
      "layer_backward(Tensor[] grads, Tensor[] outputs, Tensor[] inputs, Tensor[] weights, str program, bool "
      "of_inputs) -> Tensor[]");
}

TORCH_LIBRARY_IMPL(specc_native, CPU, library) {
  library.impl("layer", &specc::layer);
  library.impl("layer_products", &specc::layer_products);
  library.impl("layer_backward", &specc::layer_backward);
}

TORCH_LIBRARY_IMPL(specc_native, Autograd, library) {
  library.impl("layer", &specc::layer_autograd);
  library.impl("layer_products", &specc::layer_products_autograd);
}
