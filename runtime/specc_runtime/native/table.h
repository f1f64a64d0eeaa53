// A layer as numbers, with a space between them: its levels, and how each of them sees tensors as rows.
//
// The numbers are, for inputs and then for outputs, how many there are and how many axes each has; then the
// number of levels, and for each its number of strands, 1 or 0 for a bias, and its columns and rows: how many
// there are, and for each of them the tensor, the floats of a row and what each axis stands for. That is a
// strand, counted on past those of the level for an index that is summed or repeated; -1 for positions that
// are part of a row; or -2 - p for position p.
#pragma once

#include "rows.h"

#include <c10/util/string_view.h>

#include <charconv>

namespace specc {

// Of each tensor the sizes of its axes, then its channels.
using Shapes = std::vector<std::vector<int64_t>>;

constexpr int64_t IN_ROW = -1, FIRST_POSITION = -2;

// Indices of a tensor that agree: one, or those of a diagonal. `axis` is the first of them.
struct Block {
  int64_t axis, strand, size, stride;
};

// A tensor as a level reads or writes it: a row of `width` floats for each position of the level.
struct View {
  int64_t tensor, width;
  int64_t start;       // of its columns, or rows, in the matrix of the level
  int64_t offset = 0;  // of its first row in the tensor
  std::vector<Block> blocks;
  std::vector<int64_t> pattern;  // for each axis the first that agrees with it, or what is fixed

  // The blocks that run through the level, as bits.
  uint64_t kept(int64_t strands) const {
    uint64_t bits = 0;
    for (const Block& each : blocks)
      if (each.strand < strands) bits |= uint64_t{1} << each.axis;
    return bits;
  }
  // How many positions of the tensor one of the level stands for.
  int64_t others(int64_t strands) const {
    int64_t count = 1;
    for (const Block& each : blocks)
      if (each.strand >= strands) count *= each.size;
    return count;
  }
  bool is_diagonal() const {
    for (int64_t axis = 0; axis < (int64_t)pattern.size(); ++axis)
      if (pattern[axis] >= 0 && pattern[axis] != axis) return true;
    return false;
  }
  // Whether it is of the same rows of the same tensor as another, up to which of them are one.
  bool same_place(const View& other) const { return tensor == other.tensor && offset == other.offset; }
  bool alike(const View& other) const { return same_place(other) && pattern == other.pattern; }
};

struct Level {
  int64_t strands, biased;
  std::vector<int64_t> sizes;
  std::vector<View> columns, rows;

  static int64_t width(const std::vector<View>& views) {
    int64_t sum = 0;
    for (const View& each : views) sum += each.width;
    return sum;
  }
  // Of all rows at all positions, those of columns with those of rows.
  int64_t numbers() const {
    int64_t product = width(columns) + width(rows);
    for (int64_t size : sizes) product *= size;
    return product;
  }
};

// A view in its level; `kept` are the blocks that run through it, as bits.
struct LevelView {
  const Level* level;
  const View* view;
  uint64_t kept;

  LevelView(const Level& level, const View& view) : level(&level), view(&view), kept(view.kept(level.strands)) {}

  // Whether all blocks do: then its rows are those of the tensor, and else stand for several.
  bool whole() const { return kept == view->kept(INT64_MAX); }
  int64_t strands() const { return __builtin_popcountll(kept); }
  bool finer_than(const LevelView& other) const {
    return view->alike(*other.view) && (kept & other.kept) == other.kept && kept != other.kept;
  }
};

inline int64_t numbers(const std::vector<int64_t>& shape) {
  int64_t product = 1;
  for (int64_t size : shape) product *= size;
  return product;
}

// Reads the numbers of a layer one after the other, and holds them against the shapes of its tensors.
class TableReader {
  c10::string_view program;  // what is left of it

 public:
  const std::vector<int64_t> inputs, outputs;  // how many axes each of them has

  explicit TableReader(c10::string_view program) : program(program), inputs(counts()), outputs(counts()) {}

  std::vector<Level> levels(const Shapes& inputs, const Shapes& outputs) {
    std::vector<Level> found(next());
    for (Level& level : found) {
      level.strands = next();
      level.biased = next();
      level.sizes.assign(level.strands, -1);
      level.columns = views(level, inputs);
      level.rows = views(level, outputs);
    }
    return found;
  }

 private:
  std::vector<int64_t> counts() {
    std::vector<int64_t> found(next());
    for (int64_t& each : found) each = next();
    return found;
  }

  int64_t next() {
    int64_t found = 0;
    const char* end = program.data() + program.size();
    auto [place, error] = std::from_chars(program.data(), end, found);
    TORCH_CHECK(error == std::errc(), "the numbers of a layer end too early, or are none");
    program.remove_prefix(std::min(place + 1, end) - program.data());
    return found;
  }

  std::vector<View> views(Level& level, const Shapes& shapes) {
    std::vector<View> found(next());
    int64_t start = 0;
    for (View& each : found) {
      each = view(level, shapes);
      each.start = start;
      start += each.width;
    }
    return found;
  }

  View view(Level& level, const Shapes& shapes) {
    View made{next(), next(), 0};
    TORCH_CHECK(made.tensor >= 0 && made.tensor < (int64_t)shapes.size(), "a layer has no tensor ", made.tensor);
    const std::vector<int64_t>& shape = shapes[made.tensor];
    int64_t stride = numbers(shape), width = shape.back();
    for (int64_t axis = 0; axis + 1 < (int64_t)shape.size(); ++axis) {
      int64_t code = next(), size = shape[axis];
      TORCH_CHECK(size > 0, "a layer has a tensor without positions");
      stride /= size;
      made.pattern.push_back(code);
      if (code == IN_ROW) {
        width *= size;
      } else if (code <= FIRST_POSITION) {
        TORCH_CHECK(FIRST_POSITION - code < size, "a layer reads a position that its tensor does not have");
        made.offset += (FIRST_POSITION - code) * stride;
      } else {
        made.pattern.back() = join(made.blocks, {axis, code, size, stride});
        if (code < level.strands) agree(level.sizes[code], size);
      }
    }
    TORCH_CHECK(width == made.width, "a layer reads rows of ", made.width, " floats of a tensor that has ", width);
    return made;
  }

  // The first axis of the block that this one belongs to.
  static int64_t join(std::vector<Block>& blocks, Block block) {
    for (Block& each : blocks) {
      if (each.strand != block.strand) continue;
      agree(each.size, block.size);
      each.stride += block.stride;
      return each.axis;
    }
    blocks.push_back(block);
    return block.axis;
  }

  static void agree(int64_t& size, int64_t other) {
    if (size < 0) size = other;
    TORCH_CHECK(size == other, "an axis of a layer has size ", size, " in one tensor and ", other, " in another");
  }
};

}  // namespace specc
