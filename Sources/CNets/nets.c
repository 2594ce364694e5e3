#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "kernels.h"

static const tn_kernels *kernels_of(int level) {
  switch (level) {
    case TN_LEVEL_PORTABLE: return tn_kernels_portable;
    case TN_LEVEL_AVX2: return tn_kernels_avx2;
    case TN_LEVEL_AVX512: return tn_kernels_avx512;
    case TN_LEVEL_NEON: return tn_kernels_neon;
    default: return NULL;
  }
}

const char *tn_level_name(int level) {
  static const char *const names[TN_LEVEL_COUNT] = {"portable", "avx2", "avx512", "neon"};
  return level >= 0 && level < TN_LEVEL_COUNT ? names[level] : NULL;
}

int tn_level_available(int level) {
  if (!kernels_of(level)) return 0;
#if defined(__x86_64__)
  __builtin_cpu_init();
  int hasFused = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (level == TN_LEVEL_AVX2) return hasFused;
  if (level == TN_LEVEL_AVX512) return hasFused && __builtin_cpu_supports("avx512f");
#endif
  return 1;
}

static _Atomic(const tn_kernels *) current;
static atomic_int currentLevel;

int tn_level_force(int level) {
  if (!tn_level_available(level)) return 0;
  atomic_store(&currentLevel, level);
  atomic_store(&current, kernels_of(level));
  return 1;
}

int tn_level_current(void) { return atomic_load(&currentLevel); }

__attribute__((constructor)) static void choose(void) {
  int best = TN_LEVEL_PORTABLE;
  for (int level = 0; level < TN_LEVEL_COUNT; level++) {
    if (tn_level_available(level)) best = level;
  }
  const char *wanted = getenv("THUMBPRINT_KERNELS");
  for (int level = 0; wanted && level < TN_LEVEL_COUNT; level++) {
    if (strcmp(wanted, tn_level_name(level)) == 0 && tn_level_available(level)) best = level;
  }
  tn_level_force(best);
}

static inline const tn_kernels *kernels(void) {
  return atomic_load_explicit(&current, memory_order_relaxed);
}

void tn_multiply(size_t rows, size_t k, size_t n, const float *a, size_t lda, const float *packed,
                 const float *bias, int clamps, float *c, size_t ldc) {
  kernels()->multiply(rows, k, n, a, lda, packed, bias, clamps, c, ldc);
}

void tn_winograd_input(const tn_winograd *shape, const float *x, const float *zeros, size_t first,
                       size_t count, float *v, size_t step) {
  kernels()->winograd_input(shape, x, zeros, first, count, v, step);
}

void tn_winograd_output(const tn_winograd *shape, const float *m, size_t step, size_t columns,
                        const float *bias, int clamps, int pools, size_t first, size_t count,
                        float *y) {
  kernels()->winograd_output(shape, m, step, columns, bias, clamps, pools, first, count, y);
}
