#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "kernels.h"

static const tp_kernels *kernels_of(int level) {
  switch (level) {
    case TP_LEVEL_PORTABLE: return tp_kernels_portable;
    case TP_LEVEL_POPCNT: return tp_kernels_popcnt;
    case TP_LEVEL_AVX2: return tp_kernels_avx2;
    case TP_LEVEL_AVX512: return tp_kernels_avx512;
    case TP_LEVEL_NEON: return tp_kernels_neon;
    default: return NULL;
  }
}

const char *tp_level_name(int level) {
  static const char *const names[TP_LEVEL_COUNT] = {"portable", "popcnt", "avx2",
                                                    "avx512-vpopcntdq", "neon"};
  return level >= 0 && level < TP_LEVEL_COUNT ? names[level] : NULL;
}

int tp_level_available(int level) {
  if (!kernels_of(level)) return 0;
#if defined(__x86_64__)
  __builtin_cpu_init();
  switch (level) {
    case TP_LEVEL_POPCNT: return __builtin_cpu_supports("popcnt") != 0;
    case TP_LEVEL_AVX2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt");
    case TP_LEVEL_AVX512:
      return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
             __builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("bmi2") &&
             __builtin_cpu_supports("avx512vpopcntdq") && __builtin_cpu_supports("popcnt");
    default: break;
  }
#endif
  return 1;
}

static _Atomic(const tp_kernels *) current;
static atomic_int currentLevel;

int tp_level_force(int level) {
  if (!tp_level_available(level)) return 0;
  atomic_store(&currentLevel, level);
  atomic_store(&current, kernels_of(level));
  return 1;
}

int tp_level_current(void) { return atomic_load(&currentLevel); }

__attribute__((constructor)) static void choose(void) {
  int best = TP_LEVEL_PORTABLE;
  for (int level = 0; level < TP_LEVEL_COUNT; level++) {
    if (tp_level_available(level)) best = level;
  }
  const char *wanted = getenv("THUMBPRINT_KERNELS");
  for (int level = 0; wanted && level < TP_LEVEL_COUNT; level++) {
    if (strcmp(wanted, tp_level_name(level)) == 0 && tp_level_available(level)) best = level;
  }
  tp_level_force(best);
}

static inline const tp_kernels *kernels(void) {
  return atomic_load_explicit(&current, memory_order_relaxed);
}

uint32_t tp_distance(const void *a, const void *b, size_t byteCount) {
  return kernels()->distance(a, b, byteCount);
}

void tp_scan16(const void *query, const void *codes, size_t count, uint8_t *distances) {
  kernels()->scan16(query, codes, count, distances);
}

void tp_scan32(const void *query, const void *codes, size_t count, uint8_t *distances) {
  kernels()->scan32(query, codes, count, distances);
}

void tp_scan64(const void *query, const void *codes, size_t count, uint16_t *distances) {
  kernels()->scan64(query, codes, count, distances);
}

void tp_scan512(const void *query, const void *codes, size_t count, uint16_t *distances) {
  kernels()->scan512(query, codes, count, distances);
}

void tp_scan_split(const void *query, const void *sketches, const void *seconds, size_t count,
                   uint16_t *distances) {
  kernels()->scan_split(query, sketches, seconds, count, distances);
}

size_t tp_select16(const uint16_t *values, size_t count, unsigned bound, uint32_t first,
                   uint32_t *out) {
  return kernels()->select16(values, count, bound, first, out);
}

size_t tp_select(const uint8_t *values, size_t count, unsigned bound, uint32_t first,
                 uint32_t *out) {
  return kernels()->select(values, count, bound, first, out);
}

size_t tp_select_values(const uint8_t *values, size_t count, unsigned bound, unsigned first,
                        uint16_t *out, uint8_t *kept) {
  return kernels()->select_values(values, count, bound, first, out, kept);
}

size_t tp_filter(const uint16_t *rows, const uint8_t *values, size_t count, unsigned bound,
                 uint32_t first, uint32_t *positions, uint16_t *partials) {
  return kernels()->filter(rows, values, count, bound, first, positions, partials);
}

size_t tp_refine(const void *query, size_t width, const void *base, size_t stride,
                 uint32_t *positions, uint16_t *partials, size_t count, unsigned bound) {
  return kernels()->refine(query, width, base, stride, positions, partials, count, bound);
}

size_t tp_finish(const void *query, const uint8_t **addresses, uint32_t *positions,
                 uint16_t *partials, size_t count, unsigned bound64, unsigned bound,
                 size_t *finishedCount) {
  return kernels()->finish(query, addresses, positions, partials, count, bound64, bound,
                           finishedCount);
}

size_t tp_scan_rows(const void *query, const void *sketches, const void *seconds,
                    const void *rests, size_t count, unsigned bound, uint32_t first,
                    uint32_t *rows, uint16_t *distances) {
  return kernels()->scan_rows(query, sketches, seconds, rests, count, bound, first, rows,
                              distances);
}

void tp_scan_rows_pair(const void *query0, const void *query1, const void *sketches,
                       const void *seconds, const void *rests, size_t count,
                       const unsigned bounds[2], uint32_t first, uint32_t *rows,
                       uint16_t *distances, size_t hitCounts[2]) {
  kernels()->scan_rows_pair(query0, query1, sketches, seconds, rests, count, bounds, first, rows,
                            distances, hitCounts);
}

void tp_permute(const void *code, const uint16_t *order, void *target) {
  // One byte a bit (0 or 1), so that a bit is moved by one load and one store.
  uint8_t spread[4096];
  const uint8_t *in = code;
  uint8_t *out = target;
  for (int i = 0; i < 512; i++) {
    uint64_t bits = in[i] * 0x0101010101010101u & 0x8040201008040201u;
    // Now byte b holds bit b; make it 1 wherever it is set.
    bits = ((bits + 0x7f7f7f7f7f7f7f7fu) | bits) >> 7 & 0x0101010101010101u;
    memcpy(spread + 8 * i, &bits, 8);
  }
  for (int i = 0; i < 512; i++) {
    const uint16_t *o = order + 8 * i;
    out[i] = (uint8_t)(spread[o[0]] | spread[o[1]] << 1 | spread[o[2]] << 2 | spread[o[3]] << 3 |
                       spread[o[4]] << 4 | spread[o[5]] << 5 | spread[o[6]] << 6 |
                       spread[o[7]] << 7);
  }
}
