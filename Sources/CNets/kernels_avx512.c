#include "kernels.h"

#if defined(__x86_64__)

#pragma clang attribute push(__attribute__((target("avx512f,avx2,fma"))), apply_to = function)

#define TN_NAME(x) tn_avx512_##x
#define TN_WIDTH 16
#define TN_VECTORS 4
#define TN_ROWS 6
#include "kernels_common.h"

#pragma clang attribute pop

const tn_kernels *const tn_kernels_avx512 = &tn_avx512_kernels;

#else

const tn_kernels *const tn_kernels_avx512 = NULL;

#endif
