#include "kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define TP_NAME(x) tp_avx512_##x
#define TP_TARGET \
  __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vpopcntdq,popcnt")))
#define TP_OWN_SCANS

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

TP_TARGET static void TP_NAME(scan32)(const void *query, const void *codes, size_t count,
                                      uint8_t *distances) {
  const uint8_t *p = codes;
  const __m512i q = _mm512_broadcast_i64x4(_mm256_loadu_si256(query));
  const __m512i order = _mm512_setr_epi64(0, 2, 1, 3, 4, 6, 5, 7);
  size_t i = 0;
  for (; i + 8 <= count; i += 8, p += 256) {
    __m512i sums = eight32(q, p);
    _mm_storel_epi64((__m128i *)(distances + i),
                     _mm512_cvtusepi64_epi8(_mm512_permutexvar_epi64(order, sums)));
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

TP_TARGET static size_t TP_NAME(select16)(const uint16_t *values, size_t count, unsigned bound,
                                          uint32_t first, uint32_t *out) {
  const __m512i limit = _mm512_set1_epi16((short)(bound > 65535 ? 65535 : bound));
  const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  size_t found = 0;
  for (size_t i = 0; i < count; i += 32) {
    uint32_t inside = count - i >= 32 ? ~0u : (1u << (count - i)) - 1;
    __m512i v = _mm512_maskz_loadu_epi16(inside, values + i);
    uint32_t hits = _mm512_mask_cmple_epu16_mask(inside, v, limit);
    if (!hits) continue;
    __m512i row = _mm512_add_epi32(lanes, _mm512_set1_epi32((int)(first + (uint32_t)i)));
    for (int half = 0; half < 2; half++, hits >>= 16) {
      __mmask16 mask = (__mmask16)hits;
      unsigned n = (unsigned)__builtin_popcount(mask);
      _mm512_mask_storeu_epi32(out + found, (__mmask16)((1u << n) - 1),
                               _mm512_maskz_compress_epi32(mask, row));
      found += n;
      row = _mm512_add_epi32(row, _mm512_set1_epi32(16));
    }
  }
  return found;
}

TP_TARGET static size_t TP_NAME(select)(const uint8_t *values, size_t count, unsigned bound,
                                        uint32_t first, uint32_t *out) {
  const __m512i limit = _mm512_set1_epi8((char)(bound > 255 ? 255 : bound));
  const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  size_t found = 0;
  for (size_t i = 0; i < count; i += 64) {
    uint64_t inside = count - i >= 64 ? ~0ull : (1ull << (count - i)) - 1;
    __m512i v = _mm512_maskz_loadu_epi8(inside, values + i);
    uint64_t hits = _mm512_mask_cmple_epu8_mask(inside, v, limit);
    if (!hits) continue;
    // Hits are rare enough to skip most runs of 64, and too many to branch on each.
    __m512i row = _mm512_add_epi32(lanes, _mm512_set1_epi32((int)(first + (uint32_t)i)));
    for (int quarter = 0; quarter < 4; quarter++, hits >>= 16) {
      __mmask16 mask = (__mmask16)hits;
      unsigned n = (unsigned)__builtin_popcount(mask);
      _mm512_mask_storeu_epi32(out + found, (__mmask16)((1u << n) - 1),
                               _mm512_maskz_compress_epi32(mask, row));
      found += n;
      row = _mm512_add_epi32(row, _mm512_set1_epi32(16));
    }
  }
  return found;
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
