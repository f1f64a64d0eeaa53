// Which networks of a batch are computed by which thread, a few at a time, and where their tensors are.
#pragma once

#include "layer.h"
#include "memory.h"
#include "reading.h"
#include "steps.h"

namespace specc {

// Where tensors of all networks and the space of each thread are.
class Buffers {
  struct Buffer {
    float* start;
    int64_t of_network, of_thread;
  };
  std::vector<Buffer> all;

 public:
  void add(const Tensors& tensors) {
    for (const at::Tensor& each : tensors)
      all.push_back({each.data_ptr<float>(), numbers(each.sizes().slice(1).vec()), 0});
  }
  // One that all networks share.
  void add_shared(const at::Tensor& x) { all.push_back({x.data_ptr<float>(), 0, 0}); }
  // One with a row for each thread.
  void add_of_threads(const at::Tensor& x) { all.push_back({x.data_ptr<float>(), 0, x.stride(0)}); }

  Pointers at(int64_t network, int64_t thread) const {
    Pointers found;
    for (const Buffer& each : all) found.push_back(each.start + network * each.of_network + thread * each.of_thread);
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

  // Floats for each thread on a network's way from inputs to outputs.
  at::Tensor space(const Scratch& scratch) const {
    return fresh({threads, (scratch.used + LINE - 1) / LINE * LINE}, at::kFloat);
  }

  // Runs the steps on all networks, a few at a time.
  void run(const Steps& steps, const std::vector<Packed>& matrices, const Buffers& buffers) const {
    on_threads(threads, [&](int64_t thread) {
      int64_t first = batch * thread / threads, last = batch * (thread + 1) / threads;
      for (; first < last; first += at_once)
        specc::run(steps, buffers.at(first, thread), matrices, std::min(at_once, last - first));
      stored();
    });
  }
};

}  // namespace specc
