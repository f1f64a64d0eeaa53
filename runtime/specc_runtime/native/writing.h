// Where the levels of a layer write: each tensor once, with all that coarser levels add to it.
#pragma once

#include "reading.h"

#include <deque>

namespace specc {

// A view that a level writes. Those whose blocks all run through their level write the tensor itself,
// others the scratch, from where a finer one of the same diagonals takes them in.
struct Writer : LevelView {
  ProductStep step;
};

// What a coarse writer gives, at each position of a finer one.
inline Place repeated(const Writer& coarse, const Writer& fine) {
  Place made = coarse.step.out;
  std::fill(made.stride + 1, made.stride + MAX_DIMS, 0);
  for (const Block& own : coarse.view->blocks)
    for (const Block& each : fine.view->blocks)
      if (each.axis == own.axis && own.strand < coarse.level->strands)
        made.stride[1 + each.strand] = coarse.step.out.stride[1 + own.strand];
  return made;
}

class Writing {
 public:
  // Tensors of these shapes, `streamed` or not, in the buffers from the first on; matrices are added to those given.
  Writing(
      const Shapes& shapes, const std::vector<bool>& streamed, int64_t first_buffer, int64_t scratch_buffer,
      bool rectify, std::vector<Matrix>& matrices)
      : shapes(shapes),
        streamed(streamed),
        tensors(buffers_from(first_buffer, shapes.size())),
        scratch_buffer(scratch_buffer),
        rectify(rectify),
        matrices(matrices) {}

  void add(const Level& level, const View& view, ProductStep step, Matrix matrix) {
    step.matrix = matrices.size();
    matrices.push_back(std::move(matrix));
    writers.push_back({{level, view}, std::move(step)});
  }

  bool writes(int64_t tensor) const {
    return std::any_of(writers.begin(), writers.end(), [&](const Writer& each) { return each.view->tensor == tensor; });
  }

  // Adds all products to the steps, coarse ones first.
  void finish(Scratch& scratch, Steps& steps) {
    for (size_t i = 0, count = writers.size(); i < count; ++i) {
      complete(*writers[i].view, true);
      complete(*writers[i].view, false);
    }
    std::stable_sort(writers.begin(), writers.end(), [](const Writer& a, const Writer& b) {
      return std::make_tuple(a.whole(), a.view->is_diagonal(), a.strands()) <
          std::make_tuple(b.whole(), b.view->is_diagonal(), b.strands());
    });
    std::vector<const View*> begun;
    for (size_t i = 0; i < writers.size(); ++i) {
      Writer& each = writers[i];
      ProductStep& step = each.step;
      if (!each.whole()) {
        step.out = dense(each.level->sizes, each.view->width, scratch_buffer, scratch);
        Writer& finer = taking(each);
        finer.step.addends.push_back(repeated(each, finer));
      } else {
        step.out = in_tensor(*each.view, shapes, tensors);
        bool first = std::none_of(begun.begin(), begun.end(), [&](const View* v) { return v->same_place(*each.view); });
        if (!first) step.addends.push_back(step.out);
        bool alone = once(*each.view);
        step.rectify = rectify && alone;
        step.streams = alone && streamed[each.view->tensor];
        begun.push_back(each.view);
      }
    }
    for (size_t i = 0; i < writers.size();) {
      std::vector<ProductStep> together;
      const Writer& first = writers[i];
      do together.push_back(writers[i++].step);
      while (i < writers.size() && writers[i].level == first.level && on_their_own(first, writers[i]));
      take_turns(together, scratch.networks * first.level->numbers(), steps);
    }
    if (!rectify) return;
    for (int64_t tensor = 0; tensor < (int64_t)shapes.size(); ++tensor) {
      bool left =
          std::any_of(begun.begin(), begun.end(), [&](const View* v) { return v->tensor == tensor && !once(*v); });
      if (left) steps.push_back(RectifyStep{tensors[tensor].buffer, numbers(shapes[tensor])});
    }
  }

 private:
  const Shapes& shapes;
  const std::vector<bool>& streamed;
  Sources tensors;
  int64_t scratch_buffer;
  bool rectify;
  std::vector<Matrix>& matrices;
  std::vector<Writer> writers;
  std::deque<Level> levels;  // of those that no level has

  // Whether all rows of a tensor are written by one product each.
  bool once(const View& view) const {
    int64_t count = 0;
    for (const Writer& each : writers) count += each.whole() && each.view->same_place(view);
    return count == 1;
  }

  // Whether two write tensors which nothing else writes, so that they do not read what they write.
  bool on_their_own(const Writer& a, const Writer& b) const {
    return a.whole() && b.whole() && once(*a.view) && once(*b.view);
  }

  // Sees to it that what is like a view, or `apart` the whole tensor at the same place, is written.
  void complete(const View& like, bool apart) {
    View view{like.tensor, like.width, 0, like.offset};
    std::vector<int64_t> sizes;
    const std::vector<int64_t>& shape = shapes[like.tensor];
    int64_t stride = numbers(shape);
    for (int64_t axis = 0; axis < (int64_t)like.pattern.size(); ++axis) {
      int64_t first = like.pattern[axis];
      stride /= shape[axis];
      view.pattern.push_back(first >= 0 && apart ? axis : first);
      if (first < 0) continue;
      if (apart || first == axis) {
        view.blocks.push_back({axis, (int64_t)sizes.size(), shape[axis], stride});
        sizes.push_back(shape[axis]);
      } else {
        for (Block& each : view.blocks)
          if (each.axis == first) each.stride += stride;
      }
    }
    for (const Writer& each : writers)
      if (each.whole() && each.view->alike(view)) return;
    levels.push_back({(int64_t)sizes.size(), 0, sizes, {}, {view}});
    add(levels.back(), levels.back().rows[0], {grid_of(sizes)}, Matrix::without_rows(view.width));
  }

  // The coarsest writer that is finer than another and of the same diagonals.
  Writer& taking(const Writer& coarse) {
    Writer* found = nullptr;
    for (Writer& each : writers) {
      bool coarser = !found || each.strands() < found->strands();
      if (each.finer_than(coarse) && coarser) found = &each;
    }
    TORCH_INTERNAL_ASSERT(found);
    return *found;
  }
};

}  // namespace specc
