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

// Where a tensor is, one network after the other.
struct Source {
  int64_t buffer, start = 0;
};
using Sources = std::vector<Source>;

// Tensors that have a buffer each.
inline Sources buffers_from(int64_t first, int64_t count) {
  Sources found;
  for (int64_t i = 0; i < count; ++i) found.push_back({first + i});
  return found;
}

// Rows of a tensor as a level sees them; all of its blocks run through the level.
inline Place in_tensor(const View& view, const Shapes& shapes, const Sources& sources) {
  Place made;
  made.stride[0] = numbers(shapes[view.tensor]);
  for (const Block& each : view.blocks) made.stride[1 + each.strand] += each.stride;
  made.buffer = sources[view.tensor].buffer;
  made.start = sources[view.tensor].start + view.offset;
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
inline SumStep sum_of(const Seen& target, const std::vector<Seen>& before, const Shapes& shapes, const Source& tensor) {
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
  made.from.buffer = source ? source->place.buffer : tensor.buffer;
  made.from.start = source ? source->place.start : tensor.start + target.view->offset;
  made.from.width = target.view->width;
  set_strides(made.from, source ? source->place.stride[0] : numbers(shapes[target.view->tensor]), from);
  made.to = target.place;
  set_strides(made.to, target.place.stride[0], to);
  made.numbers = target.place.stride[0];
  made.simplified();
  return made;
}

// Where each level reads each of its views, and for each tensor the sums that are to be made of it before.
struct Reading {
  Places places;
  std::vector<Steps> sums;

  Reading(
      const std::vector<Level>& levels, Views views, const Shapes& shapes, const Sources& sources,
      int64_t scratch_buffer, Scratch& scratch)
      : sums(shapes.size()) {
    std::vector<Seen> summed, made;
    for (const Level& level : levels)
      for (const View& view : level.*views)
        if (Seen each{{level, view}}; !each.whole()) summed.push_back(each);
    // Fine ones before coarse ones.
    std::stable_sort(
        summed.begin(), summed.end(), [](const Seen& a, const Seen& b) { return a.strands() > b.strands(); });
    for (Seen& each : summed) {
      int64_t tensor = each.view->tensor;
      each.place = dense(each.level->sizes, each.view->width, scratch_buffer, scratch);
      sums[tensor].push_back(sum_of(each, made, shapes, sources[tensor]));
      made.push_back(each);
    }
    for (const Level& level : levels) {
      places.emplace_back();
      for (const View& view : level.*views) {
        auto found = std::find_if(made.begin(), made.end(), [&](const Seen& each) { return each.view == &view; });
        places.back().push_back(found != made.end() ? found->place : in_tensor(view, shapes, sources));
      }
    }
  }
};

}  // namespace specc
