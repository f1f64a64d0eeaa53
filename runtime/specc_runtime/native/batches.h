// Which networks of a batch are computed by which thread, a few at a time, and where their tensors are.
#pragma once

#include "layer.h"
#include "memory.h"
#include "reading.h"
#include "steps.h"

namespace specc {

// Floats of inputs and outputs that are taken at once, which is one network at least: so many stay in the second
// cache with what is made of them.
constexpr int64_t CACHED = 1 << 18;

// Tensors and scratch of the networks from `first` on.
struct Buffers {
  std::vector<float*> starts;
  std::vector<int64_t> strides;
  int64_t scratch = 0;

  int64_t add(const Tensors& tensors) {
    int64_t first = starts.size();
    for (const at::Tensor& each : tensors) add(each.data_ptr<float>(), numbers(each.sizes().slice(1).vec()));
    return first;
  }
  int64_t add(float* start, int64_t stride) {
    starts.push_back(start);
    strides.push_back(stride);
    return starts.size() - 1;
  }
  std::vector<float*> at(int64_t first) const {
    std::vector<float*> found;
    for (size_t i = 0; i < starts.size(); ++i) found.push_back(starts[i] + first * strides[i]);
    return found;
  }
};

// How networks are shared out: whole ones for each thread, and a few of them at once.
struct Batches {
  int64_t batch, threads, at_once;

  // `floats` and `work` are of one network: what it holds, and what it costs in floats read or written.
  Batches(int64_t batch, int64_t floats, int64_t work) : batch(batch) {
    threads = std::clamp<int64_t>(batch, 1, threads_for(batch * work));
    int64_t share = (batch + threads - 1) / threads, fit = std::max<int64_t>(CACHED / std::max<int64_t>(floats, 1), 1);
    int64_t times = (share + fit - 1) / fit;
    at_once = times > 0 ? (share + times - 1) / times : 1;
  }

  // Runs the steps on all networks, a few at a time; `prepare(thread, first, count, buffers)` comes before.
  template <class F>
  void run(
      const Steps& steps, const std::vector<Packed>& matrices, const Buffers& buffers, const Scratch& scratch, F prepare) const {
    int64_t own_floats = (scratch.used + LINE - 1) / LINE * LINE;
    at::Tensor space = fresh({threads, own_floats}, at::kFloat);
    float* floats = space.data_ptr<float>();
    at::parallel_for(0, threads, 1, [&](int64_t begin, int64_t end) {
      Steps own = steps;
      for (int64_t thread = begin; thread < end; ++thread) {
        int64_t first = batch * thread / threads, last = batch * (thread + 1) / threads;
        for (; first < last; first += at_once) {
          int64_t count = std::min(at_once, last - first);
          std::vector<float*> at = buffers.at(first);
          at[buffers.scratch] = floats + thread * own_floats;
          prepare(thread, first, count, at);
          own.run(at, matrices, count);
        }
      }
      stored();
    });
  }
};

}  // namespace specc
