#include <stddef.h>

#include "kernels.h"

#if defined(__aarch64__)

#include <arm_neon.h>

#define TP_NAME(x) tp_neon_##x
#define TP_TARGET

static inline uint8x16_t counts(const uint8_t *a, const uint8_t *b) {
  return vcntq_u8(veorq_u8(vld1q_u8(a), vld1q_u8(b)));
}

static inline uint32_t TP_NAME(d16)(const void *a, const void *b) {
  return vaddlvq_u8(counts(a, b));
}
// Up to 64 bytes: a byte of the sum holds at most 4 * 8 bits.
static inline uint32_t TP_NAME(d32)(const void *a, const void *b) {
  const uint8_t *x = a, *y = b;
  return vaddlvq_u8(vaddq_u8(counts(x, y), counts(x + 16, y + 16)));
}
static inline uint32_t TP_NAME(d64)(const void *a, const void *b) {
  const uint8_t *x = a, *y = b;
  return vaddlvq_u8(vaddq_u8(vaddq_u8(counts(x, y), counts(x + 16, y + 16)),
                             vaddq_u8(counts(x + 32, y + 32), counts(x + 48, y + 48))));
}
static inline uint32_t TP_NAME(dn)(const void *a, const void *b, size_t n) {
  const uint8_t *x = a, *y = b;
  uint16x8_t total = vdupq_n_u16(0);
  uint32_t sum = 0;
  for (size_t i = 0; i < n; i += 64) {
    uint8x16_t s = vaddq_u8(vaddq_u8(counts(x + i, y + i), counts(x + i + 16, y + i + 16)),
                            vaddq_u8(counts(x + i + 32, y + i + 32),
                                     counts(x + i + 48, y + i + 48)));
    total = vpadalq_u8(total, s);
    // A lane grows by at most 64 in a step: empty it long before 65,536.
    if ((i & 32767) == 32768 - 64) {
      sum += vaddlvq_u16(total);
      total = vdupq_n_u16(0);
    }
  }
  return sum + vaddlvq_u16(total);
}

#include "kernels_common.h"

const tp_kernels *const tp_kernels_neon = &tp_neon_kernels;

#else

const tp_kernels *const tp_kernels_neon = NULL;

#endif
