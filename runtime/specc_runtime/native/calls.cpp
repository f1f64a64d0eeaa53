// What Python does before the operator of a small layer, `inputs.py` and `layers.py`, without its objects: with
// caches that the layer has emptied they take a quarter as long as the layer.
#include "layer.h"

#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <torch/csrc/Exceptions.h>
#include <torch/csrc/autograd/forward_grad.h>
#include <torch/csrc/autograd/python_variable.h>
#include <torch/csrc/utils/pybind.h>

#include <memory>
#include <string>
#include <unordered_map>

namespace specc {
namespace {

namespace py = pybind11;
using at::Tensor;

constexpr size_t MOST_KNOWN = 1 << 10;

// What modules have, and modules with one product.
struct Names {
  py::str parameters = "_parameters", modules = "_modules", hooks = "_forward_hooks", pre_hooks = "_forward_pre_hooks";
  py::str weight = "weight", bias = "bias";
};
const Names& names() {
  static const Names* made = new Names;  // never deleted, for Python may end before
  return *made;
}

// What is looked up, as bytes.
class Key {
  std::string bytes_;

 public:
  void add(int64_t number) { bytes_.append(reinterpret_cast<const char*>(&number), sizeof number); }
  void add(at::IntArrayRef numbers) {
    add(numbers.size());
    bytes_.append(reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(int64_t));
  }
  const std::string& bytes() const { return bytes_; }
};

// What `name` stands for in a dict, or in another mapping; null where it stands for nothing.
py::object found_in(py::handle mapping, py::handle name) {
  PyObject* found = PyDict_CheckExact(mapping.ptr()) ? Py_XNewRef(PyDict_GetItemWithError(mapping.ptr(), name.ptr()))
                                                     : PyObject_GetItem(mapping.ptr(), name.ptr());
  if (!found && PyErr_Occurred()) {
    if (!PyErr_ExceptionMatches(PyExc_KeyError)) throw py::error_already_set();
    PyErr_Clear();
  }
  return py::reinterpret_steal<py::object>(found);
}

// A tensor of no other class and of sizes that are numbers, or null.
const Tensor* plain(py::handle value) {
  if (!value || !THPVariable_CheckExact(value.ptr())) return nullptr;
  const Tensor& x = THPVariable_Unpack(value.ptr());
  bool sized = x.defined() && !x.is_nested() && !x.unsafeGetTensorImpl()->has_symbolic_sizes_strides();
  return sized ? &x : nullptr;
}

// The first parameter in a module that is real, or else the first that is complex; null if there is none.
py::object reference_of(py::handle module) {
  py::object complex;
  PyObject *name, *value;
  py::dict own = module.attr(names().parameters);
  for (Py_ssize_t place = 0; PyDict_Next(own.ptr(), &place, &name, &value);) {
    if (value == Py_None || !THPVariable_Check(value)) continue;
    const Tensor& parameter = THPVariable_Unpack(value);
    if (parameter.is_floating_point()) return py::reinterpret_borrow<py::object>(value);
    if (!complex && parameter.is_complex()) complex = py::reinterpret_borrow<py::object>(value);
  }
  py::dict inner = module.attr(names().modules);
  for (Py_ssize_t place = 0; PyDict_Next(inner.ptr(), &place, &name, &value);) {
    if (value == Py_None) continue;
    py::object found = reference_of(value);
    if (found && THPVariable_Unpack(found.ptr()).is_floating_point()) return found;
    if (!complex) complex = found;
  }
  return complex;
}

// As `inputs.seen_of`: what the check of inputs goes by, as bytes; None where they are not dicts and plain tensors like
// the module's parameters. Shapes in words go by where they are.
py::object seen(py::handle module, py::dict shapes, py::dict values) {
  py::object reference = reference_of(module);
  if (!reference) return py::none();
  const Tensor& like = THPVariable_Unpack(reference.ptr());
  Key key;
  key.add(reinterpret_cast<int64_t>(shapes.ptr()));
  key.add(static_cast<int64_t>(like.scalar_type()));
  key.add(static_cast<int64_t>(like.device().type()));
  key.add(like.device().index());
  auto added = [&](py::handle value) {
    const Tensor* x = plain(value);
    if (!x || x->scalar_type() != like.scalar_type() || x->device() != like.device()) return false;
    key.add(x->sizes());
    return true;
  };
  PyObject *name, *declared, *inner, *words;
  for (Py_ssize_t place = 0; PyDict_Next(shapes.ptr(), &place, &name, &declared);) {
    py::object value = found_in(values, name);
    if (!PyDict_CheckExact(declared)) {
      if (!added(value)) return py::none();
      continue;
    }
    if (!value || !PyDict_CheckExact(value.ptr())) return py::none();
    for (Py_ssize_t part = 0; PyDict_Next(declared, &part, &inner, &words);)
      if (!added(found_in(value, inner))) return py::none();
  }
  return py::bytes(key.bytes());
}

// The calls of one generated class. `inputs` and `outputs` are the names of its tensors, "" for a single one, and
// `products` path and run of each product, which is a `mix`, or run -1, or a `batched_mix`.
// What `answer` says, given whether products have biases and the shapes of inputs, is kept: the program of the
// operator and its sizes, or None.
class Calls {
  struct Product {
    py::object path;
    int64_t run;
  };
  struct Answer {
    py::str held;
    c10::string_view program;
    std::vector<c10::SymInt> sizes;
  };

  std::vector<py::object> inputs_, outputs_;
  std::vector<Product> products_;
  py::object mix_, batched_mix_, answer_;
  std::unordered_map<std::string, std::shared_ptr<const Answer>> known_;

  struct Parameters {
    Tensors weights, biases;
    std::vector<bool> biased;
  };

 public:
  Calls(py::list inputs, py::list outputs, py::list products, py::type mix, py::type batched_mix, py::object answer)
      : mix_(mix), batched_mix_(batched_mix), answer_(answer) {
    for (py::handle each : inputs) inputs_.push_back(py::reinterpret_borrow<py::object>(each));
    for (py::handle each : outputs) outputs_.push_back(py::reinterpret_borrow<py::object>(each));
    for (py::handle each : products) {
      auto [path, run] = each.cast<std::pair<py::object, int64_t>>();
      products_.push_back({path, run});
    }
  }

  // What the layer gives, with negative values zero if `rectified`; None where it is not to be computed at once.
  py::object operator()(py::handle module, py::handle x, bool rectified) {
    HANDLE_TH_ERRORS
    if (torch::autograd::ForwardADLevel::try_get_by_idx(0) ||
        c10::impl::tls_is_dispatch_key_included(c10::DispatchKey::FuncTorchDynamicLayerFrontMode) ||
        at::autocast::is_autocast_enabled(at::kCPU))
      return py::none();
    Tensors given;
    Parameters parameters;
    if (!values(x, given) || !parameters_of(module, parameters)) return py::none();
    std::shared_ptr<const Answer> answer = answered(given, parameters.biased);
    if (!answer) return py::none();
    return named(compute(given, parameters, *answer, rectified));
    END_HANDLE_TH_ERRORS_PYBIND
  }

 private:
  static const Tensor* taken(py::handle value) {
    const Tensor* x = plain(value);
    bool fits = x && x->dim() > 0 && x->scalar_type() == at::kFloat && x->key_set().has(c10::DispatchKey::CPU);
    return fits ? x : nullptr;
  }

  static bool add(const Tensor* x, Tensors& found) {
    if (x) found.push_back(*x);
    return x;
  }

  bool values(py::handle x, Tensors& found) const {
    if (THPVariable_CheckExact(x.ptr())) return inputs_.size() == 1 && add(taken(x), found);
    for (const py::object& name : inputs_)
      if (!add(taken(found_in(x, name)), found)) return false;
    return true;
  }

  // As `layers.parameters_of`; false also where one is no plain tensor.
  bool parameters_of(py::handle module, Parameters& found) const {
    py::object parameters = module.attr(names().parameters), modules = module.attr(names().modules);
    py::handle last;
    Tensors runs;
    for (const Product& each : products_) {
      if (py::object bias = found_in(parameters, each.path); bias && !bias.is_none()) {
        if (!add_bias(bias, found)) return false;
        found.weights.push_back(found.biases.back().new_empty({found.biases.back().size(0), 0}));
        continue;
      }
      py::object mix = found_in(modules, each.path);
      if (!mix || !as_generated(mix)) return false;
      py::object own = mix.attr(names().parameters);
      const Tensor* weight = taken(found_in(own, names().weight));
      if (!weight) return false;
      if (each.run < 0) {
        found.weights.push_back(*weight);
        if (!add_bias(found_in(own, names().bias), found)) return false;
        continue;
      }
      if (!last.is(each.path)) runs = weight->unbind();
      last = each.path;
      found.weights.push_back(runs.at(each.run));
      found.biased.push_back(false);
    }
    return true;
  }

  bool as_generated(py::handle mix) const {
    py::handle kind = py::type::handle_of(mix);
    return (kind.is(mix_) || kind.is(batched_mix_)) && !py::len(mix.attr(names().hooks)) &&
        !py::len(mix.attr(names().pre_hooks));
  }

  // The bias of a product, which may be None.
  static bool add_bias(py::handle bias, Parameters& found) {
    if (!bias) return false;
    found.biased.push_back(!bias.is_none());
    return bias.is_none() || add(taken(bias), found.biases);
  }

  // Null where the layer is not to be computed at once.
  std::shared_ptr<const Answer> answered(const Tensors& given, const std::vector<bool>& biased) {
    Key key;
    key.add(at::get_num_threads());
    for (bool each : biased) key.add(each);
    for (const Tensor& each : given) key.add(each.sizes());
    auto found = known_.find(key.bytes());
    if (found != known_.end()) return found->second;
    py::tuple flags(biased.size()), shapes(given.size());
    for (size_t i = 0; i < biased.size(); ++i) flags[i] = py::bool_(biased[i]);
    for (size_t i = 0; i < given.size(); ++i) shapes[i] = py::tuple(py::cast(given[i].sizes()));
    py::object answer = answer_(flags, shapes);
    std::shared_ptr<const Answer> kept;
    if (!answer.is_none()) {
      auto [program, sizes] = answer.cast<std::pair<py::str, std::vector<int64_t>>>();
      Py_ssize_t length;
      const char* text = PyUnicode_AsUTF8AndSize(program.ptr(), &length);
      if (!text) throw py::error_already_set();
      kept.reset(new Answer{program, {text, size_t(length)}, {sizes.begin(), sizes.end()}});
    }
    if (known_.size() >= MOST_KNOWN) known_.clear();
    known_.emplace(key.bytes(), kept);
    return kept;
  }

  static Tensors compute(const Tensors& given, const Parameters& parameters, const Answer& answer, bool rectified) {
    py::gil_scoped_release released;
    return call_layer(given, parameters.weights, parameters.biases, answer.program, answer.sizes, rectified, false);
  }

  py::object named(Tensors made) const {
    auto wrapped = [](Tensor& x) { return py::reinterpret_steal<py::object>(THPVariable_Wrap(std::move(x))); };
    if (outputs_.size() == 1 && py::len(outputs_[0]) == 0) return wrapped(made[0]);
    py::dict found;
    for (size_t i = 0; i < outputs_.size(); ++i) found[outputs_[i]] = wrapped(made[i]);
    return found;
  }
};

}  // namespace
}  // namespace specc

PYBIND11_MODULE(TORCH_EXTENSION_NAME, module) {
  namespace py = pybind11;
  module.def("seen", &specc::seen);
  py::class_<specc::Calls>(module, "Calls")
      .def(py::init<py::list, py::list, py::list, py::type, py::type, py::object>())
      .def("__call__", &specc::Calls::operator());
}
