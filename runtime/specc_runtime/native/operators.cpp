// The operators on single tensors, `specc_native::pool` and `specc_native::mix`, and their gradients.
#include "kernels.h"
#include "memory.h"

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
Tensors call_forward(
    at::TensorList sources, const Tensor& weight, at::TensorList terms, bool rectify, bool masked,
    at::IntArrayRef dims) {
  static auto op = c10::Dispatcher::singleton()
                       .findSchemaOrThrow("specc_native::mix_forward", "")
                       .typed<Tensors(at::TensorList, const Tensor&, at::TensorList, bool, bool, at::IntArrayRef)>();
  return op.call(sources, weight, terms, rectify, masked, dims);
}

Tensors call_backward(
    const Tensor& grad, at::TensorList added, const Tensor& mask, at::TensorList sources, const Tensor& weight,
    c10::SymIntArrayRef shapes, const c10::List<bool>& needed) {
  static auto op = c10::Dispatcher::singleton()
                       .findSchemaOrThrow("specc_native::mix_backward", "")
                       .typed<Tensors(
                           const Tensor&, at::TensorList, const Tensor&, at::TensorList, const Tensor&,
                           c10::SymIntArrayRef, c10::List<bool>)>();
  at::AutoDispatchBelowADInplaceOrView guard;  // autograd would box all arguments to record nothing
  return op.call(grad, added, mask, sources, weight, shapes, needed);
}

Tensors call_pool(const Tensor& x, at::IntArrayRef dims) {
  static auto op = c10::Dispatcher::singleton()
                       .findSchemaOrThrow("specc_native::pool", "")
                       .typed<Tensors(const Tensor&, at::IntArrayRef)>();
  return op.call(x, dims);
}

// The gradient of a mean over a dimension, to be broadcast along it.
Tensor of_mean(const Tensor& grad, int64_t dim, c10::SymIntArrayRef sizes) {
  return grad.div(at::scalar_tensor(sizes[dim], grad.options())).unsqueeze(dim);
}

// mix_backward in operations that have gradients themselves.
Tensors differentiable_backward(
    const Tensor& grad, at::TensorList added, const Tensor& mask, at::TensorList sources, const Tensor& weight,
    const std::vector<c10::SymInt>& shapes, const c10::List<bool>& needed) {
  Tensor g = grad;
  for (const Tensor& each : added) g = g + each;
  if (mask.numel() > 0) g = g * unpacked(mask, grad.sizes());
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

// The product, and the means of it over `dims`.
struct Mix : torch::autograd::Function<Mix> {
  static variable_list forward(
      AutogradContext* context, at::TensorList sources, const Tensor& weight, at::TensorList terms, bool rectify,
      at::IntArrayRef dims) {
    at::AutoDispatchBelowADInplaceOrView guard;
    Tensors found = call_forward(sources, weight, terms, rectify, rectify, dims);
    std::vector<c10::SymInt> shapes;
    for (const Tensor& each : terms) {
      for (const auto& size : each.sym_sizes()) shapes.push_back(size);
    }
    variable_list kept = {found[1], weight};
    kept.insert(kept.end(), sources.begin(), sources.end());
    context->save_for_backward(kept);
    context->saved_data["shapes"] = shapes;
    context->saved_data["terms"] = (int64_t)terms.size();
    context->saved_data["dims"] = dims.vec();
    context->saved_data["sizes"] = found[0].sym_sizes().vec();
    context->set_materialize_grads(false);
    found.erase(found.begin() + 1);
    return found;
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    variable_list kept = context->get_saved_variables();
    at::TensorList sources = at::TensorList(kept).slice(2);
    const Tensor &mask = kept[0], &weight = kept[1];
    std::vector<c10::SymInt> shapes = context->saved_data["shapes"].toSymIntVector();
    std::vector<c10::SymInt> sizes = context->saved_data["sizes"].toSymIntVector();
    std::vector<int64_t> dims = context->saved_data["dims"].toIntVector();
    size_t count = sources.size(), terms = context->saved_data["terms"].toInt();
    Tensors added;
    for (size_t i = 0; i < dims.size(); ++i)
      if (grads[1 + i].defined()) added.push_back(of_mean(grads[1 + i], dims[i], sizes));
    if (!grads[0].defined() && added.empty()) return variable_list(count + terms + 3);
    Tensor grad = grads[0].defined() ? grads[0] : at::zeros_symint(sizes, added[0].options());
    c10::List<bool> needed;
    for (size_t i = 0; i < count; ++i) needed.push_back(context->needs_input_grad(i));
    Tensors found = at::GradMode::is_enabled()
        ? differentiable_backward(grad, added, mask, sources, weight, shapes, needed)
        : call_backward(grad, added, mask, sources, weight, shapes, needed);
    variable_list results;
    for (size_t i = 0; i < count; ++i) results.push_back(needed[i] ? found[1 + i] : Tensor());
    results.push_back(found[0]);
    results.insert(results.end(), found.begin() + 1 + count, found.end());
    results.resize(results.size() + 2);  // of `rectify` and `dims`
    return results;
  }
};

Tensors mix_with_means_autograd(
    at::TensorList sources, const Tensor& weight, at::TensorList terms, bool rectify, at::IntArrayRef dims) {
  auto asks = [](const Tensor& each) { return each.requires_grad(); };
  bool needed = at::GradMode::is_enabled() &&
      (asks(weight) || std::any_of(sources.begin(), sources.end(), asks) ||
       std::any_of(terms.begin(), terms.end(), asks));
  if (needed) return Mix::apply(sources, weight, terms, rectify, dims);
  at::AutoDispatchBelowADInplaceOrView guard;
  Tensors found = call_forward(sources, weight, terms, rectify, false, dims);
  found.erase(found.begin() + 1);
  return found;
}

Tensor mix_autograd(at::TensorList sources, const Tensor& weight, at::TensorList terms, bool rectify) {
  return mix_with_means_autograd(sources, weight, terms, rectify, {})[0];
}

Tensors mix_with_means(
    at::TensorList sources, const Tensor& weight, at::TensorList terms, bool rectify, at::IntArrayRef dims) {
  Tensors found = mix_forward(sources, weight, terms, rectify, false, dims);
  found.erase(found.begin() + 1);
  return found;
}

Tensor mix(at::TensorList sources, const Tensor& weight, at::TensorList terms, bool rectify) {
  return mix_forward(sources, weight, terms, rectify, false, {})[0];
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
      Tensor each = of_mean(grads[i], dims[i], sizes).expand_symint(sizes);
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
      total = fresh(sizes, terms[0].options()).zero_();
    } else if (!alone(total)) {
      total = fresh_like(total).copy_(total);
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
    const Tensor& grad, at::TensorList added, const Tensor& mask, at::TensorList sources, const Tensor& weight,
    at::IntArrayRef shapes, c10::List<bool> needed) {
  std::vector<bool> flags(needed.begin(), needed.end());
  return mix_backward(grad, added, mask, sources, weight, shapes, flags);
}

}  // namespace
}  // namespace specc

TORCH_LIBRARY(specc_native, library) {
  library.def("pool(Tensor x, int[] dims) -> Tensor[]");
  library.def("pooled(Tensor(a) x, int[] dims) -> (Tensor(a), Tensor[])");
  library.def("mix(Tensor[] sources, Tensor weight, Tensor[] terms, bool rectify) -> Tensor");
  library.def("mix_with_means(Tensor[] sources, Tensor weight, Tensor[] terms, bool rectify, int[] dims) -> Tensor[]");
  library.def(
      "mix_forward(Tensor[] sources, Tensor weight, Tensor[] terms, bool rectify, bool masked, int[] dims) -> "
      "Tensor[]");
  library.def(
      "mix_backward(Tensor grad, Tensor[] added, Tensor mask, Tensor[] sources, Tensor weight, SymInt[] shapes, bool[] "
      "needed) -> Tensor[]");
  library.def("mask_bytes(int channels) -> int", &specc::mask_bytes);
  library.def("release_memory() -> int", &specc::release_memory);
}

TORCH_LIBRARY_IMPL(specc_native, CPU, library) {
  library.impl("pool", &specc::pool);
  library.impl("pooled", &specc::pooled);
  library.impl("mix", &specc::mix);
  library.impl("mix_with_means", &specc::mix_with_means);
  library.impl("mix_forward", &specc::mix_forward);
  library.impl("mix_backward", &specc::mix_backward_cpu);
}

TORCH_LIBRARY_IMPL(specc_native, Autograd, library) {
  library.impl("pool", &specc::pool_autograd);
  library.impl("pooled", &specc::pooled_autograd);
  library.impl("mix", &specc::mix_autograd);
  library.impl("mix_with_means", &specc::mix_with_means_autograd);
}
