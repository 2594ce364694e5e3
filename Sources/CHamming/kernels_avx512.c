#include "kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define TP_NAME(x) tp_avx512_##x
#define TP_TARGET \
  __attribute__((              \
      target("avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi2,avx512vpopcntdq,popcnt,bmi2")))
#define TP_OWN_SCANS
#define TP_OWN_REFINE32

TP_TARGET static inline __m512i counts(__m512i query, const void *p) {
  return _mm512_popcnt_epi64(_mm512_xor_si512(query, _mm512_loadu_si512(p)));
}

TP_TARGET static inline uint32_t sum256(__m256i x) {
  __m128i s = _mm_add_epi64(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
  return (uint32_t)(_mm_cvtsi128_si64(s) + _mm_extract_epi64(s, 1));
}

TP_TARGET static inline uint32_t TP_NAME(d16)(const void *a, const void *b) {
  __m128i x = _mm_popcnt_epi64(_mm_xor_si128(_mm_loadu_si128(a), _mm_loadu_si128(b)));
  return (uint32_t)(_mm_cvtsi128_si64(x) + _mm_extract_epi64(x, 1));
}
TP_TARGET static inline uint32_t TP_NAME(d32)(const void *a, const void *b) {
  return sum256(_mm256_popcnt_epi64(_mm256_xor_si256(_mm256_loadu_si256(a),
                                                     _mm256_loadu_si256(b))));
}
TP_TARGET static inline uint32_t TP_NAME(d64)(const void *a, const void *b) {
  return (uint32_t)_mm512_reduce_add_epi64(counts(_mm512_loadu_si512(a), b));
}
TP_TARGET static inline uint32_t TP_NAME(dn)(const void *a, const void *b, size_t n) {
  const uint8_t *x = a, *y = b;
  __m512i total = _mm512_setzero_si512();
  for (size_t i = 0; i < n; i += 64) {
    total = _mm512_add_epi64(total, counts(_mm512_loadu_si512(x + i), y + i));
  }
  return (uint32_t)_mm512_reduce_add_epi64(total);
}

// Sums of neighbouring lanes: lane 2i of the result is a[2i] + a[2i + 1], lane 2i + 1 the same
// of b.
TP_TARGET static inline __m512i pairs(__m512i a, __m512i b) {
  return _mm512_add_epi64(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
}

TP_TARGET static void TP_NAME(scan16)(const void *query, const void *codes, size_t count,
                                      uint8_t *distances) {
  const uint8_t *p = codes;
  const __m512i q = _mm512_broadcast_i32x4(_mm_loadu_si128(query));
  const __m512i order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
  size_t i = 0;
  for (; i + 8 <= count; i += 8, p += 128) {
    __m512i sums = pairs(counts(q, p), counts(q, p + 64));
    _mm_storel_epi64((__m128i *)(distances + i),
                     _mm512_cvtepi64_epi8(_mm512_permutexvar_epi64(order, sums)));
  }
  for (; i < count; i++, p += 16) distances[i] = (uint8_t)TP_NAME(d16)(query, p);
}

// Eight sums of 32 bytes: lanes of codes 0, 2, 1, 3, 4, 6, 5, 7.
TP_TARGET static inline __m512i eight32(__m512i q, const uint8_t *p) {
  __m512i a = pairs(counts(q, p), counts(q, p + 64));
  __m512i b = pairs(counts(q, p + 128), counts(q, p + 192));
  return _mm512_add_epi64(_mm512_shuffle_i64x2(a, b, 0x88), _mm512_shuffle_i64x2(a, b, 0xdd));
}

// a | b << shift | c << 2 * shift
TP_TARGET static inline __m512i join3(__m512i a, __m512i b, __m512i c, unsigned shift) {
  return _mm512_ternarylogic_epi64(a, _mm512_slli_epi64(b, shift),
                                   _mm512_slli_epi64(c, 2 * shift), 0xfe);
}

// Sixteen distances: each word of a register counts at most 64, so that eight registers fit the
// bytes of one, and lanes, which are slow to move, are added for all codes at once.
TP_TARGET static inline __m128i sixteen32(__m512i q, const uint8_t *p) {
  __m512i low = join3(counts(q, p), counts(q, p + 64), counts(q, p + 128), 8);
  __m512i middle = join3(counts(q, p + 192), counts(q, p + 256), counts(q, p + 320), 8);
  __m512i high = _mm512_or_si512(counts(q, p + 384), _mm512_slli_epi64(counts(q, p + 448), 8));
  __m512i all = join3(low, middle, high, 24);
  // Byte r of lane l: word l % 4 of code 2 * r + l / 4. The sum of the last two words may be 256.
  all = _mm512_adds_epu8(all, _mm512_permutex_epi64(all, 0x4e));
  all = _mm512_adds_epu8(all, _mm512_shuffle_epi32(all, 0x4e));
  return _mm_unpacklo_epi8(_mm512_castsi512_si128(all), _mm512_extracti64x2_epi64(all, 2));
}

TP_TARGET static void TP_NAME(scan32)(const void *query, const void *codes, size_t count,
                                      uint8_t *distances) {
  const uint8_t *p = codes;
  const __m512i q = _mm512_broadcast_i64x4(_mm256_loadu_si256(query));
  size_t i = 0;
  for (; i + 16 <= count; i += 16, p += 512) {
    _mm_storeu_si128((__m128i *)(distances + i), sixteen32(q, p));
  }
  for (; i < count; i++, p += 32) {
    uint32_t d = TP_NAME(d32)(query, p);
    distances[i] = (uint8_t)(d > 255 ? 255 : d);
  }
}

TP_TARGET static void TP_NAME(scan64)(const void *query, const void *codes, size_t count,
                                      uint16_t *distances) {
  const uint8_t *p = codes;
  const __m512i q = _mm512_loadu_si512(query);
  size_t i = 0;
  for (; i + 8 <= count; i += 8, p += 512) {
    __m512i a = pairs(counts(q, p), counts(q, p + 64));
    __m512i b = pairs(counts(q, p + 128), counts(q, p + 192));
    __m512i c = pairs(counts(q, p + 256), counts(q, p + 320));
    __m512i d = pairs(counts(q, p + 384), counts(q, p + 448));
    // a: 128-bit lanes with partial sums of codes (0, 1); ab: lanes 0, 1 codes (0, 1), 2, 3
    // codes (2, 3); then the two halves of each are added.
    __m512i ab = _mm512_add_epi64(_mm512_shuffle_i64x2(a, b, 0x44), _mm512_shuffle_i64x2(a, b, 0xee));
    __m512i cd = _mm512_add_epi64(_mm512_shuffle_i64x2(c, d, 0x44), _mm512_shuffle_i64x2(c, d, 0xee));
    __m512i sums = _mm512_add_epi64(_mm512_shuffle_i64x2(ab, cd, 0x88),
                                    _mm512_shuffle_i64x2(ab, cd, 0xdd));
    // Lanes: codes (0, 1), (2, 3), (4, 5), (6, 7).
    _mm_storeu_si128((__m128i *)(distances + i), _mm512_cvtepi64_epi16(sums));
  }
  for (; i < count; i++, p += 64) distances[i] = (uint16_t)TP_NAME(d64)(query, p);
}

TP_TARGET static void TP_NAME(scan_split)(const void *query, const uint8_t *sketches,
                                          const uint8_t *seconds, size_t count,
                                          uint16_t *distances) {
  const uint8_t *q = query;
  const __m512i q0 = _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)q));
  const __m512i q1 = _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)(q + 32)));
  const __m512i order = _mm512_setr_epi64(0, 2, 1, 3, 4, 6, 5, 7);
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    __m512i sums = _mm512_add_epi64(eight32(q0, sketches + 32 * i), eight32(q1, seconds + 32 * i));
    _mm_storeu_si128((__m128i *)(distances + i),
                     _mm512_cvtepi64_epi16(_mm512_permutexvar_epi64(order, sums)));
  }
  for (; i < count; i++) {
    distances[i] = (uint16_t)(TP_NAME(d32)(q, sketches + 32 * i) +
                              TP_NAME(d32)(q + 32, seconds + 32 * i));
  }
}

// Writes first + lanes[k] for k < count, the lanes being bytes.
TP_TARGET static inline void store_rows(__m512i lanes, unsigned count, uint32_t first,
                                        uint32_t *out) {
  const __m512i base = _mm512_set1_epi32((int)first);
  __m512i row = _mm512_add_epi32(_mm512_cvtepu8_epi32(_mm512_castsi512_si128(lanes)), base);
  _mm512_mask_storeu_epi32(out, (__mmask16)_bzhi_u32(0xffff, count), row);
  if (count <= 16) return;
  // Rare where the values sought are.
  uint8_t more[64];
  _mm512_storeu_si512(more, lanes);
  for (unsigned k = 16; k < count; k++) out[k] = first + more[k];
}

TP_TARGET static inline __m512i lane_numbers(void) {
  const __m512i four = _mm512_set1_epi32(0x03020100);
  const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  return _mm512_add_epi8(four, _mm512_mullo_epi32(lanes, _mm512_set1_epi32(0x04040404)));
}

TP_TARGET static size_t TP_NAME(select16)(const uint16_t *values, size_t count, unsigned bound,
                                          uint32_t first, uint32_t *out) {
  const __m512i limit = _mm512_set1_epi16((short)(bound > 65535 ? 65535 : bound));
  const __m512i numbers = lane_numbers();
  size_t found = 0;
  for (size_t i = 0; i < count; i += 32) {
    uint32_t inside = count - i >= 32 ? ~0u : (1u << (count - i)) - 1;
    __m512i v = _mm512_maskz_loadu_epi16(inside, values + i);
    uint32_t hits = _mm512_mask_cmple_epu16_mask(inside, v, limit);
    if (!hits) continue;
    unsigned n = (unsigned)__builtin_popcount(hits);
    store_rows(_mm512_maskz_compress_epi8(hits, numbers), n, first + (uint32_t)i, out + found);
    found += n;
  }
  return found;
}

TP_TARGET static size_t TP_NAME(select)(const uint8_t *values, size_t count, unsigned bound,
                                        uint32_t first, uint32_t *out) {
  const __m512i limit = _mm512_set1_epi8((char)(bound > 255 ? 255 : bound));
  const __m512i numbers = lane_numbers();
  size_t found = 0;
  for (size_t i = 0; i < count; i += 64) {
    uint64_t inside = count - i >= 64 ? ~0ull : (1ull << (count - i)) - 1;
    __m512i v = _mm512_maskz_loadu_epi8(inside, values + i);
    uint64_t hits = _mm512_mask_cmple_epu8_mask(inside, v, limit);
    if (!hits) continue;
    unsigned n = (unsigned)__builtin_popcountll(hits);
    store_rows(_mm512_maskz_compress_epi8(hits, numbers), n, first + (uint32_t)i, out + found);
    found += n;
  }
  return found;
}

TP_TARGET static size_t TP_NAME(select_values)(const uint8_t *values, size_t count,
                                               unsigned bound, unsigned first, uint16_t *out,
                                               uint8_t *kept) {
  const __m512i limit = _mm512_set1_epi8((char)(bound > 255 ? 255 : bound));
  const __m512i numbers = lane_numbers();
  size_t found = 0;
  for (size_t i = 0; i < count; i += 64) {
    uint64_t inside = count - i >= 64 ? ~0ull : (1ull << (count - i)) - 1;
    __m512i v = _mm512_maskz_loadu_epi8(inside, values + i);
    uint64_t hits = _mm512_mask_cmple_epu8_mask(inside, v, limit);
    if (!hits) continue;
    unsigned n = (unsigned)__builtin_popcountll(hits);
    const __m512i base = _mm512_set1_epi16((short)(first + i));
    __m512i lanes = _mm512_maskz_compress_epi8(hits, numbers);
    __m512i low = _mm512_cvtepu8_epi16(_mm512_castsi512_si256(lanes));
    _mm512_mask_storeu_epi16(out + found, _bzhi_u32(~0u, n), _mm512_add_epi16(low, base));
    if (n > 32) {
      __m512i high = _mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64(lanes, 1));
      _mm512_mask_storeu_epi16(out + found + 32, _bzhi_u32(~0u, n - 32),
                               _mm512_add_epi16(high, base));
    }
    _mm512_mask_storeu_epi8(kept + found, _bzhi_u64(~0ull, n),
                            _mm512_maskz_compress_epi8(hits, v));
    found += n;
  }
  return found;
}

TP_TARGET static size_t TP_NAME(filter)(const uint16_t *rows, const uint8_t *values, size_t count,
                                        unsigned bound, uint32_t first, uint32_t *positions,
                                        uint16_t *partials) {
  const __m128i limit = _mm_set1_epi8((char)(bound > 255 ? 255 : bound));
  const __m512i base = _mm512_set1_epi32((int)first);
  size_t found = 0;
  for (size_t i = 0; i < count; i += 16) {
    __mmask16 inside = (__mmask16)_bzhi_u32(0xffff, count - i >= 16 ? 16 : (unsigned)(count - i));
    __m128i v = _mm_maskz_loadu_epi8(inside, values + i);
    __mmask16 hits = _mm_mask_cmple_epu8_mask(inside, v, limit);
    if (!hits) continue;
    unsigned n = (unsigned)__builtin_popcount(hits);
    __mmask16 out = (__mmask16)_bzhi_u32(0xffff, n);
    __m256i row = _mm256_maskz_compress_epi16(hits, _mm256_maskz_loadu_epi16(inside, rows + i));
    __m256i partial = _mm256_maskz_compress_epi16(hits, _mm256_cvtepu8_epi16(v));
    _mm512_mask_storeu_epi32(positions + found, out,
                             _mm512_add_epi32(_mm512_cvtepu16_epi32(row), base));
    _mm256_mask_storeu_epi16(partials + found, out, partial);
    found += n;
  }
  return found;
}

// Two codes of 32 bytes.
TP_TARGET static inline __m512i two32(const uint8_t *a, const uint8_t *b) {
  return _mm512_inserti64x4(
      _mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *)a)),
      _mm256_loadu_si256((const __m256i *)b), 1);
}

// Narrows the first multiple of eight candidates by 32 bytes, eight at a time; returns how many
// were kept of how many were seen.
TP_TARGET static size_t TP_NAME(refine32)(const void *query, const uint8_t *base, size_t stride,
                                          uint32_t *positions, uint16_t *partials, size_t count,
                                          unsigned bound, size_t *seen) {
  enum { ahead = 32 };
  const __m512i q = _mm512_broadcast_i64x4(_mm256_loadu_si256(query));
  const __m512i order = _mm512_setr_epi64(0, 2, 1, 3, 4, 6, 5, 7);
  const __m128i limit = _mm_set1_epi16((short)(bound > 65535 ? 65535 : bound));
  size_t kept = 0, i = 0;
  for (; i + 8 <= count; i += 8) {
    if (i + ahead + 8 <= count) {
      for (int k = 0; k < 8; k++) __builtin_prefetch(base + stride * positions[i + ahead + k]);
    }
    const uint8_t *p[8];
    for (int k = 0; k < 8; k++) p[k] = base + stride * (size_t)positions[i + k];
    __m512i a = pairs(_mm512_popcnt_epi64(_mm512_xor_si512(q, two32(p[0], p[1]))),
                      _mm512_popcnt_epi64(_mm512_xor_si512(q, two32(p[2], p[3]))));
    __m512i b = pairs(_mm512_popcnt_epi64(_mm512_xor_si512(q, two32(p[4], p[5]))),
                      _mm512_popcnt_epi64(_mm512_xor_si512(q, two32(p[6], p[7]))));
    __m512i sums = _mm512_add_epi64(_mm512_shuffle_i64x2(a, b, 0x88),
                                    _mm512_shuffle_i64x2(a, b, 0xdd));
    __m128i partial =
        _mm_add_epi16(_mm512_cvtepi64_epi16(_mm512_permutexvar_epi64(order, sums)),
                      _mm_loadu_si128((const __m128i *)(partials + i)));
    __mmask8 stays = _mm_cmple_epu16_mask(partial, limit);
    // Whole registers are stored: what lies behind those kept has been read.
    __m256i row = _mm256_loadu_si256((const __m256i *)(positions + i));
    _mm256_storeu_si256((__m256i *)(positions + kept), _mm256_maskz_compress_epi32(stays, row));
    _mm_storeu_si128((__m128i *)(partials + kept), _mm_maskz_compress_epi16(stays, partial));
    kept += (size_t)__builtin_popcount(stays);
  }
  *seen = i;
  return kept;
}

// Row i as eight registers: sketch and second together, then the seven of the rest.
TP_TARGET static inline __m512i head(const uint8_t *sketches, const uint8_t *seconds, size_t i) {
  return _mm512_inserti64x4(
      _mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *)(sketches + 32 * i))),
      _mm256_loadu_si256((const __m256i *)(seconds + 32 * i)), 1);
}

// Four sums of at most 4096, each over eight lanes, in the 16-bit quarters of one word.
TP_TARGET static inline uint64_t four(__m512i a, __m512i b, __m512i c, __m512i d) {
  return (uint64_t)_mm512_reduce_add_epi64(
      _mm512_or_si512(_mm512_or_si512(a, _mm512_slli_epi64(b, 16)),
                      _mm512_or_si512(_mm512_slli_epi64(c, 32), _mm512_slli_epi64(d, 48))));
}

TP_TARGET static void TP_NAME(scan_rows_pair)(
    const void *query0, const void *query1, const uint8_t *sketches, const uint8_t *seconds,
    const uint8_t *rests, size_t count, const unsigned bounds[2], uint32_t first, uint32_t *rows,
    uint16_t *distances, size_t hitCounts[2]) {
  const uint8_t *q = query0, *r = query1;
  __m512i Q[8], R[8];
  for (int w = 0; w < 8; w++) {
    Q[w] = _mm512_loadu_si512(q + 64 * w);
    R[w] = _mm512_loadu_si512(r + 64 * w);
  }
  size_t hits0 = 0, hits1 = 0;
  for (size_t i = 0; i < count; i += 2) {
    // An odd last row is compared twice and counted once.
    size_t j = i + 1 < count ? i + 1 : i;
    __m512i x = head(sketches, seconds, i), y = head(sketches, seconds, j);
    __m512i a = _mm512_popcnt_epi64(_mm512_xor_si512(x, Q[0]));
    __m512i b = _mm512_popcnt_epi64(_mm512_xor_si512(y, Q[0]));
    __m512i c = _mm512_popcnt_epi64(_mm512_xor_si512(x, R[0]));
    __m512i d = _mm512_popcnt_epi64(_mm512_xor_si512(y, R[0]));
#pragma clang loop unroll(full)
    for (int w = 1; w < 8; w++) {
      x = _mm512_loadu_si512(rests + 448 * i + 64 * (w - 1));
      y = _mm512_loadu_si512(rests + 448 * j + 64 * (w - 1));
      a = _mm512_add_epi64(a, _mm512_popcnt_epi64(_mm512_xor_si512(x, Q[w])));
      b = _mm512_add_epi64(b, _mm512_popcnt_epi64(_mm512_xor_si512(y, Q[w])));
      c = _mm512_add_epi64(c, _mm512_popcnt_epi64(_mm512_xor_si512(x, R[w])));
      d = _mm512_add_epi64(d, _mm512_popcnt_epi64(_mm512_xor_si512(y, R[w])));
    }
    uint64_t s = four(a, b, c, d);
    uint32_t d0i = s & 0xffff, d0j = s >> 16 & 0xffff, d1i = s >> 32 & 0xffff, d1j = s >> 48;
    if (d0i <= bounds[0]) {
      rows[hits0] = first + (uint32_t)i;
      distances[hits0++] = (uint16_t)d0i;
    }
    if (j != i && d0j <= bounds[0]) {
      rows[hits0] = first + (uint32_t)j;
      distances[hits0++] = (uint16_t)d0j;
    }
    if (d1i <= bounds[1]) {
      rows[count + hits1] = first + (uint32_t)i;
      distances[count + hits1++] = (uint16_t)d1i;
    }
    if (j != i && d1j <= bounds[1]) {
      rows[count + hits1] = first + (uint32_t)j;
      distances[count + hits1++] = (uint16_t)d1j;
    }
  }
  hitCounts[0] = hits0;
  hitCounts[1] = hits1;
}

#include "kernels_common.h"

const tp_kernels *const tp_kernels_avx512 = &tp_avx512_kernels;

#else

#include <stddef.h>
const tp_kernels *const tp_kernels_avx512 = NULL;

#endif
