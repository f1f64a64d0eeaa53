// What a layer does with tensors of given sizes: its steps, and the matrices of their products. Finding it takes
// longer than doing it where networks are small; what was found is kept.
#pragma once

#include "batches.h"
#include "gradients.h"
#include "reading.h"
#include "steps.h"
#include "table.h"

#include <memory>

namespace specc {

// Buffers are the tensors that are read, those that are written, the scratch, and the biases.
struct Plan {
  std::vector<Level> levels;
  Batches batches;
  Scratch scratch;
  Steps steps;
  std::vector<Matrix> matrices;
  std::vector<int64_t> untouched;  // tensors that no product writes

  Plan(std::vector<Level> found, Batches batches)
      : levels(std::move(found)), batches(batches), scratch{batches.at_once} {}
};

// Buffers are inputs, gradients of outputs, the outputs where these are masked by a rectifier, the gradients of inputs
// if they are asked for, those of weights and biases, and the scratch.
struct BackwardPlan : Plan {
  Products products;

  BackwardPlan(std::vector<Level> found, Batches batches) : Plan(std::move(found), batches), products(levels) {}
};

// What a layer is, and what it is done to: `batch` networks, with results that are `streamed` past the caches or not.
struct Task {
  int64_t batch;
  c10::string_view program;
  Shapes inputs, outputs;
  std::vector<bool> streamed;
};

std::shared_ptr<const Plan> plan_of(const Task& task, bool biased, bool rectify, bool adjoint);

// Of gradients of outputs that are `masked` by a rectifier, or not, and those `of_inputs`, or not.
std::shared_ptr<const BackwardPlan> backward_plan_of(const Task& task, bool masked, bool of_inputs);

}  // namespace specc
