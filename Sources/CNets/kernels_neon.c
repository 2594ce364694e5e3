#include "kernels.h"

#if defined(__aarch64__)

#define TN_NAME(x) tn_neon_##x
#define TN_WIDTH 4
#define TN_VECTORS 4
#define TN_ROWS 6
#include "kernels_common.h"

const tn_kernels *const tn_kernels_neon = &tn_neon_kernels;

#else

const tn_kernels *const tn_kernels_neon = NULL;

#endif
