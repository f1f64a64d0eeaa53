#include "kernels.h"

#include "memory.h"
#include "pages.h"
#include "product.h"
#include "rows.h"
#include "sums.h"
#include "terms.h"

namespace specc {
namespace {

at::Tensor with_rows(const at::Tensor& x) { return x.stride(-1) == 1 ? x : x.contiguous(); }

Tensors with_rows(at::TensorList given) {
  Tensors found;
  for (const at::Tensor& each : given) found.push_back(with_rows(each));
  return found;
}

std::vector<Operand> operands(const Tensors& tensors, const Grid& grid) {
  std::vector<Operand> found;
  for (const at::Tensor& each : tensors) found.emplace_back(each, grid);
  return found;
}

void list(std::vector<Strides*>& all, std::vector<Operand>& some) {
  for (Operand& each : some) all.push_back(&each);
}

// The sums of rows of `sizes` over one dimension each.
Sums sums_over(at::IntArrayRef dims, at::IntArrayRef sizes, const Grid& grid, const at::TensorOptions& options) {
  std::vector<std::vector<int64_t>> shapes;
  for (int64_t dim : dims) {
    shapes.push_back(sizes.vec());
    shapes.back()[dim] = 1;
  }
  return Sums(shapes, grid, options);
}

// A packed matrix with its numbers.
class PackedMatrix : public Packed {
  at::Tensor kept;

  PackedMatrix(const at::Tensor& x, const at::Tensor& to)
      : Packed(
            pack(x.data_ptr<float>(), x.size(0), x.size(1), x.stride(0), x.stride(1), nullptr, to.data_ptr<float>())),
        kept(to) {}

 public:
  // Of a tensor `(depth, columns)`.
  explicit PackedMatrix(const at::Tensor& x) : PackedMatrix(x, fresh({numbers(x.size(0), x.size(1))}, x.options())) {}
};

Tensors means_of(const Sums& sums, at::IntArrayRef dims, at::IntArrayRef sizes) {
  Tensors means = sums.results();
  for (size_t i = 0; i < means.size(); ++i) means[i] = means[i].squeeze(dims[i]).div_((double)sizes[dims[i]]);
  return means;
}

}  // namespace

int64_t mask_bytes(int64_t channels) { return vectors(channels) * (int64_t)sizeof(Bits); }

Tensors pool(const at::Tensor& given, at::IntArrayRef dims) {
  at::Tensor x = with_rows(given);
  int64_t channels = x.size(-1);
  Grid grid(x.sizes().slice(0, x.dim() - 1));
  Sums sums = sums_over(dims, x.sizes(), grid, x.options());
  Operand from(x, grid);
  std::vector<Strides*> all = {&from};
  list(all, sums.operands);
  coalesce(grid, all);
  Shares shares(grid, channels);
  sums.share(grid, shares);
  if (x.numel() > 0)
    shares.run([&](int64_t thread, int64_t first, int64_t end) {
      walk(grid, first, end, run_of(channels), [&](const int64_t* index, int64_t row, int64_t count, int64_t) {
        sums.add(grid, index, row, thread, from.rows(grid, index, row, channels), count);
      });
    });
  return means_of(sums, dims, x.sizes());
}

void spread_(const at::Tensor& x, at::TensorList given) {
  if (x.numel() == 0) return;
  int64_t channels = x.size(-1);
  Tensors terms = with_rows(given);
  Grid grid(x.sizes().slice(0, x.dim() - 1));
  Operand to(x, grid);
  std::vector<Operand> from = operands(terms, grid);
  std::vector<Strides*> all = {&to};
  list(all, from);
  coalesce(grid, all);
  Shares shares(grid, 2 * channels);
  shares.run([&](int64_t, int64_t first, int64_t end) {
    Added added(from, channels);
    Run run;
    walk(grid, first, end, run_of(channels), [&](const int64_t* index, int64_t row, int64_t count, int64_t) {
      added.find(grid, channels, run, [&](const Operand& each) { return each.at(grid, index, row); });
      float* out = to.at(grid, index, row);
      for (int64_t r = 0; r < count; ++r, out += to.step(grid))
        for (int64_t j = 0; j < channels; j += LANES)
          store(out + j, added_to(load(out + j, channels - j), run, r, j, channels - j), channels - j);
    });
  });
}

Tensors mix_forward(
    at::TensorList given_sources, const at::Tensor& weight, at::TensorList given_terms, bool rectify, bool masked,
    at::IntArrayRef dims) {
  Tensors sources = with_rows(given_sources), terms = with_rows(given_terms);
  int64_t channels = weight.size(0);
  std::vector<int64_t> sizes = sources[0].sizes().vec();
  sizes.back() = channels;
  at::Tensor out = fresh(sizes, weight.options());
  Grid grid(out.sizes().slice(0, out.dim() - 1));
  int64_t bytes = mask_bytes(channels);
  at::Tensor mask = fresh({masked ? grid.rows() : 0, bytes}, weight.options().dtype(at::kByte));

  Sums sums = sums_over(dims, sizes, grid, out.options());
  Operand to(out, grid);
  std::vector<Operand> from = operands(sources, grid), added_terms = operands(terms, grid);
  std::vector<Strides*> all = {&to};
  list(all, from);
  list(all, added_terms);
  list(all, sums.operands);
  coalesce(grid, all);
  PackedMatrix matrix(weight.t());
  Bits* bits = masked ? reinterpret_cast<Bits*>(mask.data_ptr<uint8_t>()) : nullptr;
  Shares shares(grid, channels + weight.size(1));
  sums.share(grid, shares);
  if (out.numel() > 0)
    shares.run([&](int64_t thread, int64_t first, int64_t end) {
      Added added(added_terms, channels);
      Run run;
      run.rectify = rectify;
      run.streams = streams(out, out.nbytes());
      run.step = to.step(grid);
      run.factors.resize(from.size());
      walk(grid, first, end, run_of(channels), [&](const int64_t* index, int64_t row, int64_t count, int64_t place) {
        added.find(grid, channels, run, [&](const Operand& each) { return each.at(grid, index, row); });
        for (size_t i = 0; i < from.size(); ++i) run.factors[i] = from[i].rows(grid, index, row, sources[i].size(-1));
        run.out = to.at(grid, index, row);
        run.bits = bits ? bits + place * vectors(channels) : nullptr;
        run.count = count;
        sums.at(grid, index, row, thread, run.targets);
        product(run, matrix);
      });
      stored();
    });
  Tensors results = {out, mask};
  for (const at::Tensor& mean : means_of(sums, dims, sizes)) results.push_back(mean);
  return results;
}

Tensors mix_backward(
    const at::Tensor& given_grad, at::TensorList given_added, const at::Tensor& mask, at::TensorList given_sources,
    const at::Tensor& weight, at::IntArrayRef flat_shapes, const std::vector<bool>& needed) {
  at::Tensor grad = with_rows(given_grad);
  Tensors plus = with_rows(given_added), sources = with_rows(given_sources), of_sources;
  int64_t channels = weight.size(0), dims = grad.dim();
  Grid grid(grad.sizes().slice(0, dims - 1));
  std::vector<std::vector<int64_t>> shapes;
  for (size_t at = 0; at < flat_shapes.size(); at += dims) shapes.push_back(flat_shapes.slice(at, dims).vec());
  Sums sums(shapes, grid, grad.options());
  Operand upper(grad, grid);
  std::vector<Operand> added_terms = operands(plus, grid), from = operands(sources, grid), to;
  std::vector<Strides*> all = {&upper};
  std::vector<PackedMatrix> matrices;
  std::vector<bool> streamed;
  std::vector<int64_t> columns = {0};  // where the product with each source starts in a row, padded
  int64_t column = 0;
  for (size_t i = 0; i < sources.size(); ++i) {
    int64_t depth = sources[i].size(-1);
    of_sources.push_back(needed[i] ? fresh_like(sources[i]) : at::empty({0}, grad.options()));
    to.emplace_back(needed[i] ? of_sources[i] : sources[i], grid);
    streamed.push_back(streams(of_sources[i], of_sources[i].nbytes()));
    matrices.emplace_back(weight.narrow(1, column, depth));
    columns.push_back(columns.back() + vectors(depth) * LANES);
    column += depth;
  }
  list(all, added_terms);
  list(all, from);
  list(all, to);
  list(all, sums.operands);
  coalesce(grid, all);
  Shares shares(grid, 2 * (channels + weight.size(1)));
  sums.share(grid, shares);
  int64_t width = columns.back(), padded = vectors(channels) * LANES;
  at::Tensor products = at::zeros({shares.threads, channels, width}, grad.options());
  bool masks = mask.numel() > 0;
  const Bits* bits = masks ? reinterpret_cast<const Bits*>(mask.data_ptr<uint8_t>()) : nullptr;

  if (grad.numel() > 0)
    shares.run([&](int64_t thread, int64_t first, int64_t end) {
      int64_t block = std::max<int64_t>(64, RUN / padded);
      std::vector<float> scratch(block * padded);
      float* g = scratch.data();
      float* of_weight = products.data_ptr<float>() + thread * channels * width;
      Added added(added_terms, channels);
      Run run, whole;
      run.factors.push_back({g, padded, channels});
      walk(grid, first, end, block, [&](const int64_t* index, int64_t row, int64_t count, int64_t place) {
        const float* rows = upper.at(grid, index, row);
        added.find(grid, channels, whole, [&](const Operand& each) { return each.at(grid, index, row); });
        for (int64_t r = 0; r < count; ++r)
          for (int64_t j = 0; j < channels; j += LANES) {
            __builtin_prefetch(rows + r * upper.step(grid) + AHEAD + j);
            Vector v = added_to(load(rows + r * upper.step(grid) + j, channels - j), whole, r, j, channels - j);
            if (masks) v = kept(v, bits[(place + r) * vectors(channels) + j / LANES]);
            store(g + r * padded + j, v);
          }
        sums.add(grid, index, row, thread, {g, padded, channels, 0}, count);
        for (size_t i = 0; i < from.size(); ++i) {
          Rows x = from[i].rows(grid, index, row, sources[i].size(-1));
          outer_product(g, padded, channels, x, count, of_weight + columns[i], width);
          if (!needed[i]) continue;
          run.count = count;
          run.out = to[i].at(grid, index, row);
          run.step = to[i].step(grid);
          run.streams = streamed[i];
          product(run, matrices[i]);
        }
      });
      stored();
    });

  at::Tensor padded_sum = products.sum(0);
  Tensors blocks;
  for (size_t i = 0; i < sources.size(); ++i) blocks.push_back(padded_sum.narrow(1, columns[i], sources[i].size(-1)));
  Tensors results = {at::cat(blocks, 1)};
  results.insert(results.end(), of_sources.begin(), of_sources.end());
  for (const at::Tensor& each : sums.results()) results.push_back(each);
  return results;
}

at::Tensor unpacked(const at::Tensor& mask, at::IntArrayRef sizes) {
  at::Tensor found = at::ones(sizes, mask.options().dtype(at::kFloat));
  if (mask.numel() == 0) return found;
  int64_t channels = sizes.back();
  const Bits* bits = reinterpret_cast<const Bits*>(mask.data_ptr<uint8_t>());
  float* to = found.data_ptr<float>();
  for (int64_t r = 0; r < mask.size(0); ++r, bits += vectors(channels), to += channels)
    for (int64_t j = 0; j < channels; ++j) to[j] = (bits[j / LANES] >> (j % LANES)) & 1;
  return found;
}

}  // namespace specc
