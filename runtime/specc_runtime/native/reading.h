// Where the levels of a layer read: rows of tensors, and sums of them that are made before.
#pragma once

#include "steps.h"
#include "table.h"

namespace specc {

using Views = std::vector<View> Level::*;
using Places = std::vector<std::vector<Place>>;

// Floats on each network's way from inputs to outputs: where each part begins, for all networks at once.
struct Scratch {
  int64_t networks, used = 0;

  int64_t take(int64_t numbers) {
    int64_t start = used;
    used += numbers * networks;
    return start;
  }
};

// Dense rows in the scratch, for each position of a level.
inline Place dense(const std::vector<int64_t>& sizes, int64_t width, int64_t buffer, Scratch& scratch) {
  Place made;
  int64_t step = width;
  for (int64_t d = (int64_t)sizes.size(); d-- > 0; step *= sizes[d]) made.stride[1 + d] = step;
  made.stride[0] = step;
  made.buffer = buffer;
  made.start = scratch.take(step);
  made.width = width;
  return made;
}

// Rows of a tensor as a level sees them; all of its blocks run through the level.
inline Place in_tensor(const View& view, const Shapes& shapes, int64_t first_buffer) {
  Place made;
  made.stride[0] = numbers(shapes[view.tensor]);
  for (const Block& each : view.blocks) made.stride[1 + each.strand] += each.stride;
  made.buffer = first_buffer + view.tensor;
  made.start = view.offset;
  made.width = view.width;
  return made;
}

// A view and where its rows are, in a tensor or in the scratch.
struct Seen : LevelView {
  Place place;

  int64_t stride(const Block& block) const {
    for (const Block& each : view->blocks)
      if (each.axis == block.axis) return each.strand < level->strands ? place.stride[1 + each.strand] : 0;
    return 0;
  }
};

// The sum that a view is, of the tensor or of the smallest sum that it is a sum of.
inline SumStep sum_of(const Seen& target, const std::vector<Seen>& before, const Shapes& shapes, int64_t first_buffer) {
  const Seen* source = nullptr;
  for (const Seen& each : before) {
    bool smaller = !source || each.place.stride[0] < source->place.stride[0];
    if (each.finer_than(target) && smaller) source = &each;
  }
  std::vector<int64_t> sizes, from, to;
  for (const Block& each : target.view->blocks) {
    if (source && !(source->kept >> each.axis & 1)) continue;
    sizes.push_back(each.size);
    from.push_back(source ? source->stride(each) : each.stride);
    to.push_back(target.stride(each));
  }
  SumStep made{grid_of(sizes)};
  made.from.buffer = source ? source->place.buffer : first_buffer + target.view->tensor;
  made.from.start = source ? source->place.start : target.view->offset;
  made.from.width = target.view->width;
  set_strides(made.from, source ? source->place.stride[0] : numbers(shapes[target.view->tensor]), from);
  made.to = target.place;
  set_strides(made.to, target.place.stride[0], to);
  made.numbers = target.place.stride[0];
  made.simplified();
  return made;
}

// Where each level reads each of its views; sums that are to be made before are added to the steps.
inline Places read(
    const std::vector<Level>& levels, Views views, const Shapes& shapes, int64_t first_buffer, int64_t scratch_buffer,
    Scratch& scratch, Steps& steps) {
  std::vector<Seen> summed;
  for (const Level& level : levels)
    for (const View& view : level.*views)
      if (Seen each{{level, view}}; !each.whole()) summed.push_back(each);
  // Those of one tensor after each other, while it is in the caches; fine ones before coarse ones.
  std::stable_sort(summed.begin(), summed.end(), [](const Seen& a, const Seen& b) {
    return std::make_tuple(a.view->tensor, -a.strands()) < std::make_tuple(b.view->tensor, -b.strands());
  });
  std::vector<Seen> made;
  for (Seen& each : summed) {
    each.place = dense(each.level->sizes, each.view->width, scratch_buffer, scratch);
    steps.sums.push_back(sum_of(each, made, shapes, first_buffer));
    made.push_back(each);
  }
  Places places;
  for (const Level& level : levels) {
    places.emplace_back();
    for (const View& view : level.*views) {
      auto found = std::find_if(made.begin(), made.end(), [&](const Seen& each) { return each.view == &view; });
      places.back().push_back(found != made.end() ? found->place : in_tensor(view, shapes, first_buffer));
    }
  }
  return places;
}

}  // namespace specc
