// Vectors of floats as wide as the machine has, with partial loads and stores for the last of a row, and
// one bit a lane for the values that pass a rectifier. GCC's vector extensions; intrinsics where bits are packed.
#pragma once

#include <cstdint>

#if defined(__AVX__)
#include <immintrin.h>
#endif

namespace specc {

#if defined(__AVX512F__)
constexpr int LANES = 16;
using Bits = uint16_t;
#elif defined(__AVX__)
constexpr int LANES = 8;
using Bits = uint8_t;
#else
constexpr int LANES = 4;
using Bits = uint8_t;
#endif

constexpr int64_t LINE = 16;     // floats of a line of the cache
constexpr int64_t PAGE = 1024;   // floats of a page of memory
constexpr int64_t AHEAD = 1024;  // floats that contiguous rows are fetched ahead of their use

typedef float Vector __attribute__((vector_size(LANES * 4)));
typedef int32_t Integers __attribute__((vector_size(LANES * 4)));
typedef float Unaligned __attribute__((vector_size(LANES * 4), aligned(4), may_alias));

constexpr int WIDE = 4;  // vectors of a row that are worked on at once, at most

// Rows of `width` floats, one `step` apart. They are fetched `ahead` floats before their use: the processor
// does not see where reads go that alternate between rows.
struct Rows {
  const float* data;
  int64_t step, width, ahead = AHEAD;
};

// The number of vectors that hold n floats.
inline int64_t vectors(int64_t n) { return (n + LANES - 1) / LANES; }

inline Vector load(const float* from) { return *reinterpret_cast<const Unaligned*>(from); }
inline void store(float* to, Vector v) { *reinterpret_cast<Unaligned*>(to) = v; }

// A store past the caches, which does not read what it overwrites: for what is too large to be in them
// when it is read again. `to` is a multiple of a vector; `stored` waits until others can see all of them.
inline void stream(float* to, Vector v) {
#if defined(__AVX512F__)
  _mm512_stream_ps(to, (__m512)v);
#elif defined(__AVX__)
  _mm256_stream_ps(to, (__m256)v);
#else
  store(to, v);
#endif
}

inline void stored() {
#if defined(__AVX__)
  _mm_sfence();
#endif
}

// The first n lanes, zeros after them; n of LANES and more is all of them.
inline Vector load(const float* from, int64_t n) {
  if (n >= LANES) return load(from);
#if defined(__AVX512F__)
  return (Vector)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), from);
#else
  Vector v = {};
  for (int64_t i = 0; i < n; ++i) v[i] = from[i];
  return v;
#endif
}

inline void store(float* to, Vector v, int64_t n) {
  if (n >= LANES) return store(to, v);
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(to, (__mmask16)((1u << n) - 1), (__m512)v);
#else
  for (int64_t i = 0; i < n; ++i) to[i] = v[i];
#endif
}

// The larger of 0 and each lane; what is not a number stays, as in torch.relu.
inline Vector rectified(Vector v) { return v < 0.0f ? Vector{} : v; }

// A bit for each lane that torch.relu passes gradients through: all but those that are 0 or less.
inline Bits passing(Vector v) {
#if defined(__AVX512F__)
  return _mm512_cmp_ps_mask((__m512)v, _mm512_setzero_ps(), _CMP_NLE_UQ);
#elif defined(__AVX__)
  return (Bits)_mm256_movemask_ps(_mm256_cmp_ps((__m256)v, _mm256_setzero_ps(), _CMP_NLE_UQ));
#else
  Bits bits = 0;
  for (int i = 0; i < LANES; ++i) bits |= (Bits)(!(v[i] <= 0.0f)) << i;
  return bits;
#endif
}

// The lanes whose bit is set, zeros elsewhere.
inline Vector kept(Vector v, Bits bits) {
#if defined(__AVX512F__)
  return (Vector)_mm512_maskz_mov_ps(bits, (__m512)v);
#else
  Integers place = {};
  for (int i = 0; i < LANES; ++i) place[i] = 1 << i;
  Integers all = Integers{} + (int32_t)bits;
  return (Vector)((Integers)v & ((all & place) != 0));
#endif
}

}  // namespace specc
