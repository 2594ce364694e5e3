#ifndef TP_KERNELS_H
#define TP_KERNELS_H

#include "CHamming.h"

// One implementation of everything that depends on the instructions of the machine.
typedef struct {
  uint32_t (*distance)(const void *, const void *, size_t);
  void (*scan16)(const void *, const void *, size_t, uint8_t *);
  void (*scan32)(const void *, const void *, size_t, uint8_t *);
  void (*scan64)(const void *, const void *, size_t, uint16_t *);
  void (*scan512)(const void *, const void *, size_t, uint16_t *);
  void (*scan_split)(const void *, const uint8_t *, const uint8_t *, size_t, uint16_t *);
  size_t (*select)(const uint8_t *, size_t, unsigned, uint32_t, uint32_t *);
  size_t (*select16)(const uint16_t *, size_t, unsigned, uint32_t, uint32_t *);
  size_t (*select_values)(const uint8_t *, size_t, unsigned, unsigned, uint16_t *, uint8_t *);
  size_t (*filter)(const uint16_t *, const uint8_t *, size_t, unsigned, uint32_t, uint32_t *,
                   uint16_t *);
  size_t (*refine)(const void *, size_t, const void *, size_t, uint32_t *, uint16_t *, size_t,
                   unsigned);
  size_t (*finish)(const void *, const uint8_t **, uint32_t *, uint16_t *, size_t, unsigned,
                   unsigned, size_t *);
  size_t (*scan_rows)(const void *, const uint8_t *, const uint8_t *, const uint8_t *, size_t,
                      unsigned, uint32_t, uint32_t *, uint16_t *);
  void (*scan_rows_pair)(const void *, const void *, const uint8_t *, const uint8_t *,
                         const uint8_t *, size_t, const unsigned[2], uint32_t, uint32_t *,
                         uint16_t *, size_t[2]);
} tp_kernels;

// NULL where the level was not compiled in.
extern const tp_kernels *const tp_kernels_portable;
extern const tp_kernels *const tp_kernels_popcnt;
extern const tp_kernels *const tp_kernels_avx2;
extern const tp_kernels *const tp_kernels_avx512;
extern const tp_kernels *const tp_kernels_neon;

// Bits set in a byte, without any special instruction.
static inline uint32_t tp_popcount_byte(uint8_t x) {
  x = (uint8_t)(x - ((x >> 1) & 0x55));
  x = (uint8_t)((x & 0x33) + ((x >> 2) & 0x33));
  return (uint32_t)((x + (x >> 4)) & 0x0f);
}

#endif
