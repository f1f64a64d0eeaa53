// The operators `specc_native::*`: the kernels, and their gradients.
#include "kernels.h"
#include "layer.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/variable.h>
#include <torch/library.h>

namespace specc {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// The operators by way of the dispatcher, so that what traces them sees them.
std::tuple<Tensor, Tensor> call_forward(
    at::TensorList sources, const Tensor& weight, at::TensorList terms, bool rectify, bool masked) {
  static auto op = c10::Dispatcher::singleton()
                       .findSchemaOrThrow("specc_native::mix_forward", "")
                       .typed<std::tuple<Tensor, Tensor>(at::TensorList, const Tensor&, at::TensorList, bool, bool)>();
  return op.call(sources, weight, terms, rectify, masked);
}

Tensors call_backward(
    const Tensor& grad, const Tensor& mask, at::TensorList sources, const Tensor& weight, c10::SymIntArrayRef shapes,
    const c10::List<bool>& needed) {
  static auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("specc_native::mix_backward", "")
          .typed<Tensors(const Tensor&, const Tensor&, at::TensorList, const Tensor&, c10::SymIntArrayRef, c10::List<bool>)>();
  return op.call(grad, mask, sources, weight, shapes, needed);
}

Tensors call_pool(const Tensor& x, at::IntArrayRef dims) {
  static auto op = c10::Dispatcher::singleton()
                       .findSchemaOrThrow("specc_native::pool", "")
                       .typed<Tensors(const Tensor&, at::IntArrayRef)>();
  return op.call(x, dims);
}

// mix_backward in operations that have gradients themselves.
Tensors differentiable_backward(
    const Tensor& grad, const Tensor& mask, at::TensorList sources, const Tensor& weight,
    const std::vector<c10::SymInt>& shapes, const c10::List<bool>& needed) {
  Tensor g = mask.numel() == 0 ? grad : grad * unpacked(mask, grad.sizes());
  Tensors blocks, of_sources, of_terms;
  int64_t column = 0;
  for (size_t i = 0; i < sources.size(); ++i) {
    int64_t depth = sources[i].size(-1);
    blocks.push_back(g.flatten(0, -2).t().mm(sources[i].flatten(0, -2)));
    of_sources.push_back(needed[i] ? g.matmul(weight.narrow(1, column, depth)) : Tensor());
    column += depth;
  }
  for (size_t at = 0; at < shapes.size(); at += grad.dim())
    of_terms.push_back(g.sum_to_size(C10_AS_INTARRAYREF_SLOW(c10::SymIntArrayRef(shapes).slice(at, grad.dim()))));
  Tensors all = {at::cat(blocks, 1)};
  all.insert(all.end(), of_sources.begin(), of_sources.end());
  all.insert(all.end(), of_terms.begin(), of_terms.end());
  return all;
}

struct Mix : torch::autograd::Function<Mix> {
  static Tensor forward(AutogradContext* context, at::TensorList sources, const Tensor& weight, at::TensorList terms, bool rectify) {
    at::AutoDispatchBelowADInplaceOrView guard;
    auto [out, mask] = call_forward(sources, weight, terms, rectify, rectify);
    std::vector<c10::SymInt> shapes;
    for (const Tensor& each : terms) {
      for (const auto& size : each.sym_sizes()) shapes.push_back(size);
    }
    variable_list kept = {mask, weight};
    kept.insert(kept.end(), sources.begin(), sources.end());
    context->save_for_backward(kept);
    context->saved_data["shapes"] = shapes;
    context->saved_data["terms"] = (int64_t)terms.size();
    return out;
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    variable_list kept = context->get_saved_variables();
    at::TensorList sources = at::TensorList(kept).slice(2);
    const Tensor &mask = kept[0], &weight = kept[1], &grad = grads[0];
    std::vector<c10::SymInt> shapes = context->saved_data["shapes"].toSymIntVector();
    size_t count = sources.size(), terms = context->saved_data["terms"].toInt();
    if (!grad.defined()) return variable_list(count + terms + 2);
    c10::List<bool> needed;
    for (size_t i = 0; i < count; ++i) needed.push_back(context->needs_input_grad(i));
    Tensors found = at::GradMode::is_enabled()
        ? differentiable_backward(grad, mask, sources, weight, shapes, needed)
        : call_backward(grad, mask, sources, weight, shapes, needed);
    variable_list results;
    for (size_t i = 0; i < count; ++i) results.push_back(needed[i] ? found[1 + i] : Tensor());
    results.push_back(found[0]);
    results.insert(results.end(), found.begin() + 1 + count, found.end());
    results.emplace_back();  // of `rectify`
    return results;
  }
};

Tensor mix_autograd(at::TensorList sources, const Tensor& weight, at::TensorList terms, bool rectify) {
  auto asks = [](const Tensor& each) { return each.requires_grad(); };
  bool needed = at::GradMode::is_enabled() &&
      (asks(weight) || std::any_of(sources.begin(), sources.end(), asks) || std::any_of(terms.begin(), terms.end(), asks));
  if (needed) return Mix::apply(sources, weight, terms, rectify);
  at::AutoDispatchBelowADInplaceOrView guard;
  return std::get<0>(call_forward(sources, weight, terms, rectify, false));
}

Tensor mix(at::TensorList sources, const Tensor& weight, at::TensorList terms, bool rectify) {
  return std::get<0>(mix_forward(sources, weight, terms, rectify, false));
}

// The mean's gradient, broadcast.
Tensor broadcast(const Tensor& grad, int64_t dim, c10::SymIntArrayRef sizes) {
  return grad.div(at::scalar_tensor(sizes[dim], grad.options())).unsqueeze(dim).expand_symint(sizes);
}

struct Pool : torch::autograd::Function<Pool> {
  static variable_list forward(AutogradContext* context, const Tensor& x, at::IntArrayRef dims) {
    at::AutoDispatchBelowADInplaceOrView guard;
    context->saved_data["dims"] = dims.vec();
    context->saved_data["sizes"] = x.sym_sizes().vec();
    return call_pool(x, dims);
  }
  static variable_list backward(AutogradContext* context, variable_list grads) {
    std::vector<int64_t> dims = context->saved_data["dims"].toIntVector();
    std::vector<c10::SymInt> sizes = context->saved_data["sizes"].toSymIntVector();
    Tensor sum;
    for (size_t i = 0; i < dims.size(); ++i) {
      if (!grads[i].defined()) continue;
      Tensor each = broadcast(grads[i], dims[i], sizes);
      sum = sum.defined() ? sum + each : each;
    }
    return {sum, Tensor()};
  }
};

Tensors pool_autograd(const Tensor& x, at::IntArrayRef dims) {
  if (at::GradMode::is_enabled() && x.requires_grad()) return Pool::apply(x, dims);
  at::AutoDispatchBelowADInplaceOrView guard;
  return call_pool(x, dims);
}

// The gradients of the means, added in place to what came back for x where nobody else holds that.
struct PooledBackward : torch::autograd::Node {
  std::vector<int64_t> dims;
  std::vector<int64_t> sizes;

  variable_list apply(variable_list&& grads) override {
    Tensor total = std::move(grads[0]);
    std::vector<Tensor> terms;
    for (size_t i = 0; i < dims.size(); ++i)
      if (grads[i + 1].defined()) terms.push_back((grads[i + 1] / (double)sizes[dims[i]]).unsqueeze(dims[i]));
    if (terms.empty()) return {total};
    if (at::GradMode::is_enabled() || (total.defined() && !spreads(total, terms))) {
      for (const Tensor& each : terms) total = total.defined() ? total + each : each.expand(sizes);
      return {total};
    }
    if (!total.defined()) {
      total = at::zeros(sizes, terms[0].options());
    } else if (!alone(total)) {
      total = total.clone();
    }
    spread_(total, terms);
    return {total};
  }
  std::string name() const override { return "SpeccPooledBackward"; }

 private:
  static bool alone(const Tensor& x) {
    return x.use_count() == 1 && x.storage().use_count() == 1 && x.is_non_overlapping_and_dense();
  }
  static bool spreads(const Tensor& x, const std::vector<Tensor>& terms) {
    auto plain = [](const Tensor& each) {
      return each.device().is_cpu() && each.scalar_type() == at::kFloat && each.layout() == at::kStrided &&
          each.unsafeGetTensorImpl()->key_set().has(c10::DispatchKey::CPU);
    };
    return x.stride(-1) == 1 && plain(x) && std::all_of(terms.begin(), terms.end(), plain);
  }
};

// A node in the kind of pointer that this version of torch holds nodes by.
template <class Pointer>
struct Made {
  static auto node() { return c10::make_intrusive<PooledBackward>(); }
};
template <>
struct Made<std::shared_ptr<torch::autograd::Node>> {
  static auto node() { return std::make_shared<PooledBackward>(); }
};

std::tuple<Tensor, Tensors> pooled_autograd(const Tensor& x, at::IntArrayRef dims) {
  Tensor same;
  Tensors means;
  {
    at::AutoDispatchBelowADInplaceOrView guard;
    same = at::alias(x);
    means = pool(x, dims);
  }
  if (!at::GradMode::is_enabled() || !x.requires_grad()) return {same, means};
  torch::autograd::impl::set_version_counter(same, torch::autograd::impl::version_counter(x));
  auto node = Made<decltype(torch::autograd::Edge::function)>::node();
  node->dims = dims.vec();
  node->sizes = x.sizes().vec();
  node->set_next_edges(torch::autograd::collect_next_edges(x));
  torch::autograd::set_history(same, node);
  for (Tensor& each : means) torch::autograd::set_history(each, node);
  return {same, means};
}

std::tuple<Tensor, Tensors> pooled(const Tensor& x, at::IntArrayRef dims) { return {at::alias(x), pool(x, dims)}; }

Tensors mix_backward_cpu(
    const Tensor& grad, const Tensor& mask, at::TensorList sources, const Tensor& weight, at::IntArrayRef shapes,
    c10::List<bool> needed) {
  std::vector<bool> flags(needed.begin(), needed.end());
  return mix_backward(grad, mask, sources, weight, shapes, flags);
}

// --- Whole layers ----------------------------------------------------------------------------------

Tensors call_layer(
    at::TensorList inputs, at::TensorList weights, at::TensorList biases, at::IntArrayRef program,
    c10::SymIntArrayRef sizes, bool rectify, bool adjoint) {
  static auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("specc_native::layer", "")
          .typed<Tensors(at::TensorList, at::TensorList, at::TensorList, at::IntArrayRef, c10::SymIntArrayRef, bool, bool)>();
  return op.call(inputs, weights, biases, program, sizes, rectify, adjoint);
}

Tensors call_layer_products(at::TensorList grads, at::TensorList inputs, at::IntArrayRef program) {
  static auto op = c10::Dispatcher::singleton()
                       .findSchemaOrThrow("specc_native::layer_products", "")
                       .typed<Tensors(at::TensorList, at::TensorList, at::IntArrayRef)>();
  return op.call(grads, inputs, program);
}

Tensors call_layer_backward(
    at::TensorList grads, at::TensorList outputs, at::TensorList inputs, at::TensorList weights, at::IntArrayRef program,
    bool of_inputs) {
  static auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("specc_native::layer_backward", "")
          .typed<Tensors(at::TensorList, at::TensorList, at::TensorList, at::TensorList, at::IntArrayRef, bool)>();
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
      std::vector<int64_t> program, std::vector<c10::SymInt> sizes, bool rectify, bool adjoint) {
    at::AutoDispatchBelowADInplaceOrView guard;
    Tensors outputs = call_layer(inputs, weights, biases, program, sizes, rectify, adjoint);
    variable_list kept(inputs.begin(), inputs.end());
    kept.insert(kept.end(), weights.begin(), weights.end());
    kept.insert(kept.end(), outputs.begin(), outputs.end());
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
    Tensors outputs = between(kept, inputs_count + weights_count, grads.size()), found;
    std::vector<int64_t> program = context->saved_data["program"].toIntVector();
    bool rectify = context->saved_data["rectify"].toBool(), adjoint = context->saved_data["adjoint"].toBool();
    bool of_inputs = false;
    for (size_t i = 0; i < inputs_count; ++i) of_inputs |= context->needs_input_grad(i);
    if (at::GradMode::is_enabled() || adjoint) {
      for (size_t i = 0; i < grads.size() && rectify; ++i) grads[i] = at::threshold_backward(grads[i], outputs[i], 0);
      found = of_inputs ? call_layer(grads, weights, {}, program, sizes_of(inputs), false, !adjoint) : Tensors(inputs_count);
      Tensors products = adjoint ? call_layer_products(inputs, grads, program) : call_layer_products(grads, inputs, program);
      found.insert(found.end(), products.begin(), products.end());
    } else {
      if (!rectify) outputs.clear();
      found = call_layer_backward(grads, outputs, inputs, weights, program, of_inputs);
      if (!of_inputs) found.insert(found.begin(), inputs_count, Tensor());
    }
    found.resize(inputs_count + weights_count + biases_count);
    found.resize(found.size() + 4);  // of what is no tensor
    return found;
  }
};

Tensors layer_autograd(
    at::TensorList inputs, at::TensorList weights, at::TensorList biases, at::IntArrayRef program,
    c10::SymIntArrayRef sizes, bool rectify, bool adjoint) {
  if (at::GradMode::is_enabled() && any_required({inputs, weights, biases}))
    return Layer::apply(inputs, weights, biases, program.vec(), sizes.vec(), rectify, adjoint);
  at::AutoDispatchBelowADInplaceOrView guard;
  return call_layer(inputs, weights, biases, program, sizes, rectify, adjoint);
}

// The products are linear in gradients and in inputs.
struct LayerProducts : torch::autograd::Function<LayerProducts> {
  static variable_list forward(
      AutogradContext* context, at::TensorList grads, at::TensorList inputs, std::vector<int64_t> program) {
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
    std::vector<int64_t> program = context->saved_data["program"].toIntVector();
    while (levels < given.size() && given[levels].dim() == 2) ++levels;  // biases have one dimension
    Tensors weights = between(given, 0, levels), biases = between(given, levels, given.size() - levels);
    Tensors found = call_layer(inputs, weights, biases, program, sizes_of(grads), false, false);
    Tensors of_inputs = call_layer(grads, weights, {}, program, sizes_of(inputs), false, true);
    found.insert(found.end(), of_inputs.begin(), of_inputs.end());
    found.emplace_back();  // of the program
    return found;
  }
};

Tensors layer_products_autograd(at::TensorList grads, at::TensorList inputs, at::IntArrayRef program) {
  if (at::GradMode::is_enabled() && any_required({grads, inputs})) return LayerProducts::apply(grads, inputs, program.vec());
  at::AutoDispatchBelowADInplaceOrView guard;
  return call_layer_products(grads, inputs, program);
}

}  // namespace
}  // namespace specc

TORCH_LIBRARY(specc_native, library) {
  library.def("pool(Tensor x, int[] dims) -> Tensor[]");
  library.def("pooled(Tensor(a) x, int[] dims) -> (Tensor(a), Tensor[])");
  library.def("mix(Tensor[] sources, Tensor weight, Tensor[] terms, bool rectify) -> Tensor");
  library.def(
      "mix_forward(Tensor[] sources, Tensor weight, Tensor[] terms, bool rectify, bool masked) -> (Tensor, Tensor)");
  library.def(
      "mix_backward(Tensor grad, Tensor mask, Tensor[] sources, Tensor weight, SymInt[] shapes, bool[] needed) -> Tensor[]");
  library.def(
      "layer(Tensor[] inputs, Tensor[] weights, Tensor[] biases, int[] program, SymInt[] sizes, bool rectify, bool adjoint) -> Tensor[]");
  library.def("layer_products(Tensor[] grads, Tensor[] inputs, int[] program) -> Tensor[]");
  library.def(
      "layer_backward(Tensor[] grads, Tensor[] outputs, Tensor[] inputs, Tensor[] weights, int[] program, bool of_inputs) -> Tensor[]");
  library.def("mask_bytes(int channels) -> int", &specc::mask_bytes);
}

TORCH_LIBRARY_IMPL(specc_native, CPU, library) {
  library.impl("pool", &specc::pool);
  library.impl("pooled", &specc::pooled);
  library.impl("mix", &specc::mix);
  library.impl("mix_forward", &specc::mix_forward);
  library.impl("mix_backward", &specc::mix_backward_cpu);
  library.impl("layer", &specc::layer);
  library.impl("layer_products", &specc::layer_products);
  library.impl("layer_backward", &specc::layer_backward);
}

TORCH_LIBRARY_IMPL(specc_native, Autograd, library) {
  library.impl("pool", &specc::pool_autograd);
  library.impl("pooled", &specc::pooled_autograd);
  library.impl("mix", &specc::mix_autograd);
  library.impl("layer", &specc::layer_autograd);
  library.impl("layer_products", &specc::layer_products_autograd);
}
