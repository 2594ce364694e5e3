#include "kernels.h"

#if defined(__x86_64__)

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

#define TN_NAME(x) tn_avx2_##x
#define TN_WIDTH 8
#define TN_VECTORS 2
#define TN_ROWS 6
#include "kernels_common.h"

#pragma clang attribute pop

const tn_kernels *const tn_kernels_avx2 = &tn_avx2_kernels;

#else

const tn_kernels *const tn_kernels_avx2 = NULL;

#endif
