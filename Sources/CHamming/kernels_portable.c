#include <string.h>

#include "kernels.h"

#define TP_NAME(x) tp_portable_##x
#define TP_TARGET

static inline uint32_t count64(uint64_t x) {
  x = x - ((x >> 1) & 0x5555555555555555u);
  x = (x & 0x3333333333333333u) + ((x >> 2) & 0x3333333333333333u);
  x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fu;
  return (uint32_t)((x * 0x0101010101010101u) >> 56);
}

static inline uint32_t words(const void *a, const void *b, size_t byteCount) {
  uint32_t sum = 0;
  for (size_t i = 0; i < byteCount; i += 8) {
    uint64_t u, v;
    memcpy(&u, (const uint8_t *)a + i, 8);
    memcpy(&v, (const uint8_t *)b + i, 8);
    sum += count64(u ^ v);
  }
  return sum;
}

static inline uint32_t TP_NAME(d16)(const void *a, const void *b) { return words(a, b, 16); }
static inline uint32_t TP_NAME(d32)(const void *a, const void *b) { return words(a, b, 32); }
static inline uint32_t TP_NAME(d64)(const void *a, const void *b) { return words(a, b, 64); }
static inline uint32_t TP_NAME(dn)(const void *a, const void *b, size_t n) {
  return words(a, b, n);
}

#include "kernels_common.h"

const tp_kernels *const tp_kernels_portable = &tp_portable_kernels;
