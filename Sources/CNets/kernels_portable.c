#include <math.h>

#include "kernels.h"

// Plain loops: the twin that the others must equal bit for bit.

static void multiply(size_t rows, size_t k, size_t n, const float *a, size_t lda,
                     const float *packed, const float *bias, int clamps, float *c, size_t ldc) {
  size_t all = tn_rounded(n);
  for (size_t j = 0; j < all; j++) {
    size_t panel = j / TN_PANEL * TN_PANEL;
    size_t columns = all - panel < TN_PANEL ? all - panel : TN_PANEL;
    const float *b = packed + panel * k + (j - panel);
    for (size_t r = 0; r < rows; r++) {
      float sum = 0;
      for (size_t i = 0; i < k; i++) sum = fmaf(a[r * lda + i], b[i * columns], sum);
      if (bias) sum += bias[j];
      c[r * ldc + j] = clamps && !(sum > 0) ? 0 : sum;
    }
  }
}

// The transforms are the common ones on one lane.
#define TN_NAME(x) tn_portable_##x
#define TN_WIDTH 1
#define TN_TRANSFORMS_ONLY
#include "kernels_common.h"

static const tn_kernels kernels = {multiply, tn_portable_winograd_input,
                                   tn_portable_winograd_output};
const tn_kernels *const tn_kernels_portable = &kernels;
