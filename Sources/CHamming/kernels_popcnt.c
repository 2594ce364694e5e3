#include <string.h>

#include "kernels.h"

#if defined(__x86_64__)

#define TP_NAME(x) tp_popcnt_##x
#define TP_TARGET __attribute__((target("popcnt")))

TP_TARGET static inline uint32_t words(const void *a, const void *b, size_t byteCount) {
  uint64_t sum = 0;
  for (size_t i = 0; i < byteCount; i += 8) {
    uint64_t u, v;
    memcpy(&u, (const uint8_t *)a + i, 8);
    memcpy(&v, (const uint8_t *)b + i, 8);
    sum += (uint64_t)__builtin_popcountll(u ^ v);
  }
  return (uint32_t)sum;
}

TP_TARGET static inline uint32_t TP_NAME(d16)(const void *a, const void *b) {
  return words(a, b, 16);
}
TP_TARGET static inline uint32_t TP_NAME(d32)(const void *a, const void *b) {
  return words(a, b, 32);
}
TP_TARGET static inline uint32_t TP_NAME(d64)(const void *a, const void *b) {
  return words(a, b, 64);
}
TP_TARGET static inline uint32_t TP_NAME(dn)(const void *a, const void *b, size_t n) {
  return words(a, b, n);
}

#include "kernels_common.h"

const tp_kernels *const tp_kernels_popcnt = &tp_popcnt_kernels;

#else

const tp_kernels *const tp_kernels_popcnt = NULL;

#endif
