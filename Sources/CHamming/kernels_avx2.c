#include "kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define TP_NAME(x) tp_avx2_##x
#define TP_TARGET __attribute__((target("avx2,popcnt")))

// Counts of set bits in each 8 bytes, by looking up each half of a byte in a table of 16
// (Mula, Kurz, Lemire, "Faster population counts using AVX2 instructions", 2018).
TP_TARGET static inline __m256i counts(__m256i x) {
  const __m256i table = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1, 2,
                                         1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
  const __m256i low = _mm256_set1_epi8(0x0f);
  __m256i a = _mm256_shuffle_epi8(table, _mm256_and_si256(x, low));
  __m256i b = _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(x, 4), low));
  return _mm256_sad_epu8(_mm256_add_epi8(a, b), _mm256_setzero_si256());
}

TP_TARGET static inline uint32_t sum(__m256i x) {
  __m128i s = _mm_add_epi64(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
  return (uint32_t)(_mm_cvtsi128_si64(s) + _mm_extract_epi64(s, 1));
}

TP_TARGET static inline __m256i differing(const void *a, const void *b) {
  return counts(_mm256_xor_si256(_mm256_loadu_si256(a), _mm256_loadu_si256(b)));
}

TP_TARGET static inline uint32_t TP_NAME(d16)(const void *a, const void *b) {
  __m128i x = _mm_xor_si128(_mm_loadu_si128(a), _mm_loadu_si128(b));
  return (uint32_t)(__builtin_popcountll((uint64_t)_mm_cvtsi128_si64(x)) +
                    __builtin_popcountll((uint64_t)_mm_extract_epi64(x, 1)));
}
TP_TARGET static inline uint32_t TP_NAME(d32)(const void *a, const void *b) {
  return sum(differing(a, b));
}
TP_TARGET static inline uint32_t TP_NAME(dn)(const void *a, const void *b, size_t n) {
  const uint8_t *x = a, *y = b;
  __m256i total = _mm256_setzero_si256();
  for (size_t i = 0; i < n; i += 64) {
    total = _mm256_add_epi64(total, _mm256_add_epi64(differing(x + i, y + i),
                                                     differing(x + i + 32, y + i + 32)));
  }
  return sum(total);
}
TP_TARGET static inline uint32_t TP_NAME(d64)(const void *a, const void *b) {
  return TP_NAME(dn)(a, b, 64);
}

#include "kernels_common.h"

const tp_kernels *const tp_kernels_avx2 = &tp_avx2_kernels;

#else

#include <stddef.h>
const tp_kernels *const tp_kernels_avx2 = NULL;

#endif
