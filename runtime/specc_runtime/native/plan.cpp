#include "plan.h"

#include "writing.h"

#include <c10/util/hash.h>

#include <mutex>
#include <string>
#include <tuple>
#include <unordered_map>

namespace specc {
namespace {

using Key = std::tuple<std::vector<int64_t>, std::string>;

// All that a plan depends on.
Key key_of(const Task& task, std::initializer_list<bool> how) {
  std::vector<int64_t> key = {task.batch, free_threads()};
  key.insert(key.end(), how.begin(), how.end());
  for (const Shapes* shapes : {&task.inputs, &task.outputs})
    for (const auto& each : *shapes) {
      key.push_back(each.size());
      key.insert(key.end(), each.begin(), each.end());
    }
  key.insert(key.end(), task.streamed.begin(), task.streamed.end());
  return {std::move(key), std::string(task.program.data(), task.program.size())};
}

// Plans by their keys. All are forgotten when there are many.
template <class P>
class Kept {
  static constexpr size_t MOST = 64;
  std::mutex mutex;
  std::unordered_map<Key, std::shared_ptr<const P>, c10::hash<Key>> plans;

 public:
  template <class Make>
  std::shared_ptr<const P> of(Key key, Make make) {
    {
      std::lock_guard<std::mutex> guard(mutex);
      if (auto found = plans.find(key); found != plans.end()) return found->second;
    }
    auto made = std::make_shared<const P>(make());
    std::lock_guard<std::mutex> guard(mutex);
    if (plans.size() >= MOST) plans.clear();
    plans.emplace(std::move(key), made);
    return made;
  }
};

int64_t total(const Shapes& shapes) {
  int64_t sum = 0;
  for (const auto& each : shapes) sum += numbers(each);
  return sum;
}

// What makes means of sums: for each column of a level.
std::vector<float> factors(const Level& level) {
  std::vector<float> found;
  for (const View& each : level.columns)
    found.insert(found.end(), each.width, 1.0f / (float)each.others(level.strands));
  return found;
}

// The products of levels, for the rows of outputs or, transposed, for the columns of inputs.
void write(
    const std::vector<Level>& levels, const Places& places, bool biased, int64_t first_bias, bool adjoint,
    Writing& writing) {
  for (size_t l = 0; l < levels.size(); ++l) {
    const Level& level = levels[l];
    int64_t rows = Level::width(level.rows), columns = Level::width(level.columns), at = l;
    std::vector<float> of_columns = factors(level);
    for (const View& view : adjoint ? level.columns : level.rows) {
      ProductStep step{grid_of(level.sizes)};
      step.factors = places[l];
      if (biased && level.biased) {
        Place term;
        term.buffer = first_bias;
        term.start = view.start;
        step.addends.push_back(term);
      }
      if (adjoint) {
        std::vector<float> of_rows(rows, of_columns[view.start]);  // those of a view are equal
        writing.add(level, view, std::move(step), {at, view.start, rows, view.width, columns, 1, std::move(of_rows)});
      } else {
        writing.add(
            level, view, std::move(step), {at, view.start * columns, columns, view.width, 1, columns, of_columns});
      }
    }
    first_bias += level.biased;
  }
}

void finish(Writing& writing, int64_t tensors, Plan& plan) {
  for (int64_t i = 0; i < tensors; ++i)
    if (!writing.writes(i)) plan.untouched.push_back(i);
  writing.finish(plan.scratch, plan.steps);
}

Plan find(const Task& task, bool biased, bool rectify, bool adjoint) {
  int64_t floats = total(task.inputs) + total(task.outputs);
  const Shapes &from = adjoint ? task.outputs : task.inputs, &to = adjoint ? task.inputs : task.outputs;
  Plan made(TableReader(task.program).levels(task.inputs, task.outputs), Batches(task.batch, floats, floats));
  int64_t first_made = from.size(), scratch_buffer = first_made + to.size(), first_bias = scratch_buffer + 1;
  Views views = adjoint ? &Level::rows : &Level::columns;
  Reading reading(made.levels, views, from, buffers_from(0, from.size()), scratch_buffer, made.scratch);
  for (const Steps& each : reading.sums) append(made.steps, each);
  Writing writing(to, task.streamed, first_made, scratch_buffer, rectify, made.matrices);
  write(made.levels, reading.places, biased, first_bias, adjoint, writing);
  finish(writing, to.size(), made);
  return made;
}

// The tensor after which a level has all its rows, where they are taken one after the other: with sums, the `last`.
size_t ready(const Level& level, Views views, size_t last) {
  size_t found = 0;
  for (const View& each : level.*views)
    found = std::max<size_t>(found, LevelView(level, each).whole() ? each.tensor : last);
  return found;
}

// Adds masks, sums and products of rows with rows: all that can be done with a tensor follows it, while it is in the
// caches.
void add_by_tensor(
    const Steps& masks, const Reading& columns, const Reading& rows, int64_t made_buffer, BackwardPlan& made) {
  size_t tensors = std::max(columns.sums.size(), rows.sums.size());
  for (size_t i = 0; i < tensors; ++i) {
    if (i < masks.size()) made.steps.push_back(masks[i]);
    if (i < rows.sums.size()) append(made.steps, rows.sums[i]);
    if (i < columns.sums.size()) append(made.steps, columns.sums[i]);
    for (size_t l = 0; l < made.levels.size(); ++l) {
      const Level& level = made.levels[l];
      size_t after = std::max(ready(level, &Level::columns, tensors - 1), ready(level, &Level::rows, tensors - 1));
      if (after == i)
        made.products.add_steps(
            made.levels, l, columns.places[l], rows.places[l], made_buffer, made.batches.at_once, made.steps);
    }
  }
}

BackwardPlan find_backward(const Task& task, bool masked, bool of_inputs) {
  const Shapes &inputs = task.inputs, &outputs = task.outputs;
  int64_t floats = total(inputs) * (of_inputs ? 2 : 1) + total(outputs) * 2;
  BackwardPlan made(TableReader(task.program).levels(inputs, outputs), Batches(task.batch, floats, floats));
  int64_t first_grad = inputs.size(), first_out = first_grad + outputs.size();
  int64_t first_of = first_out + (masked ? outputs.size() : 0);
  int64_t made_buffer = first_of + (of_inputs ? inputs.size() : 0), scratch_buffer = made_buffer + 1;
  Sources grads = buffers_from(first_grad, outputs.size());
  Steps masks;
  for (size_t i = 0; i < outputs.size() && masked; ++i) {
    int64_t count = numbers(outputs[i]), start = made.scratch.take(count), place = i;
    masks.push_back(MaskStep{first_grad + place, first_out + place, scratch_buffer, start, count});
    grads[i] = {scratch_buffer, start};
  }
  Reading columns(made.levels, &Level::columns, inputs, buffers_from(0, inputs.size()), scratch_buffer, made.scratch);
  Reading rows(made.levels, &Level::rows, outputs, grads, scratch_buffer, made.scratch);
  add_by_tensor(masks, columns, rows, made_buffer, made);
  if (!of_inputs) return made;
  Writing writing(inputs, task.streamed, first_of, scratch_buffer, false, made.matrices);
  write(made.levels, rows.places, false, 0, true, writing);
  finish(writing, inputs.size(), made);
  return made;
}

}  // namespace

std::shared_ptr<const Plan> plan_of(const Task& task, bool biased, bool rectify, bool adjoint) {
  static Kept<Plan> plans;
  return plans.of(key_of(task, {biased, rectify, adjoint}), [&] { return find(task, biased, rectify, adjoint); });
}

std::shared_ptr<const BackwardPlan> backward_plan_of(const Task& task, bool masked, bool of_inputs) {
  static Kept<BackwardPlan> plans;
  return plans.of(key_of(task, {masked, of_inputs}), [&] { return find_backward(task, masked, of_inputs); });
}

}  // namespace specc
