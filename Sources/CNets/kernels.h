// What every level implements.
#ifndef TN_KERNELS_H
#define TN_KERNELS_H

#include "CNets.h"

typedef struct {
  void (*multiply)(size_t rows, size_t k, size_t n, const float *a, size_t lda,
                   const float *packed, const float *bias, int clamps, float *c, size_t ldc);
  void (*winograd_input)(const tn_winograd *shape, const float *x, const float *zeros,
                         size_t first, size_t count, float *v, size_t step);
  void (*winograd_output)(const tn_winograd *shape, const float *m, size_t step, size_t columns,
                          const float *bias, int clamps, int pools, size_t first, size_t count,
                          float *y);
} tn_kernels;

// NULL where the compiler's target has no such instructions.
extern const tn_kernels *const tn_kernels_portable;
extern const tn_kernels *const tn_kernels_avx2;
extern const tn_kernels *const tn_kernels_avx512;
extern const tn_kernels *const tn_kernels_neon;

#endif
