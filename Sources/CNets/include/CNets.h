// Kernels for running networks: products with matrices that were packed once, Winograd's
// convolution, and moving pixels. Every function is pure, allocates nothing and may be called from
// any thread. Pointers need no alignment.
//
// Answers have the same bits at every level and for every number of rows: an element of a product
// is one chain of fused multiply-adds in ascending order of the inner index, starting from 0, and
// all else is written out in a fixed order without contraction.
//
// Images lie pixel by pixel: the channels of a pixel are next to each other, `stride` floats from
// those of the next pixel.
#ifndef CNETS_H
#define CNETS_H

#include <stddef.h>

// ---- Which instructions are used -----------------------------------------------------------

enum {
  TN_LEVEL_PORTABLE = 0,  // any machine; very slow where there is no fused multiply-add
  TN_LEVEL_AVX2 = 1,      // x86-64 with AVX2 and FMA
  TN_LEVEL_AVX512 = 2,    // x86-64 with AVX-512 F
  TN_LEVEL_NEON = 3,      // 64-bit ARM
  TN_LEVEL_COUNT = 4
};

// Whether this machine runs a level.
int tn_level_available(int level);
// "portable", "avx2", "avx512", "neon"; NULL for no level.
const char *tn_level_name(int level);
// The level in use: the best available one, unless the environment variable THUMBPRINT_KERNELS
// names another at start or tn_level_force chose one.
int tn_level_current(void);
// Uses `level` from now on, in all threads; returns 0 (and changes nothing) if it is not
// available. For tests and comparisons.
int tn_level_force(int level);

// ---- Products ------------------------------------------------------------------------------

enum {
  TN_LANES = 16,  // columns are written in groups of so many
  TN_PANEL = 64   // columns of a panel of a packed matrix; the last may have fewer groups
};

// `n` rounded up to whole groups of columns.
static inline size_t tn_rounded(size_t n) {
  return (n + TN_LANES - 1) / TN_LANES * TN_LANES;
}

// Packs the k x n matrix whose element (i, j) is b[i * rowStride + j * columnStride] into
// k * tn_rounded(n) floats, panel by panel; the columns added are zero.
void tn_pack(const float *b, size_t rowStride, size_t columnStride, size_t k, size_t n,
             float *packed);

// c = a * b + bias for a of rows x k (lda floats between rows) and a packed b of k x n: writes
// tn_rounded(n) columns of c, ldc floats between rows. `bias` has tn_rounded(n) floats or is NULL;
// `clamps` asks for max(0, x) at the end, 0 where x is not a number.
void tn_multiply(size_t rows, size_t k, size_t n, const float *a, size_t lda, const float *packed,
                 const float *bias, int clamps, float *c, size_t ldc);

// ---- Winograd's convolution F(4x4, 3x3) ----------------------------------------------------

enum {
  TN_WINOGRAD_TILE = 4,       // rows and columns of a tile of outputs
  TN_WINOGRAD_PRODUCTS = 36   // products in place of 144 multiplications
};

// Images and how they are cut into tiles, numbered image by image and row by row.
typedef struct {
  size_t height, width;  // of an image, in and out
  size_t inputStride;    // floats between two pixels that go in, a multiple of TN_LANES
  size_t outputStride;   // and of those that come out
} tn_winograd;

// Transforms `count` kernels [outputs][channels][3][3] to TN_WINOGRAD_PRODUCTS packed matrices of
// channels x outputs for each panel of outputs: the matrix of product p of the panel beginning at
// output o is at transformed + TN_WINOGRAD_PRODUCTS * channels * o + p * channels * (columns of
// the panel).
void tn_winograd_kernels(const float *kernels, size_t channels, size_t outputs,
                         float *transformed);

// Transforms tiles first ..< first + count of the images at x to TN_WINOGRAD_PRODUCTS matrices of
// count x inputStride, `step` floats apart. `zeros` has inputStride zeros.
void tn_winograd_input(const tn_winograd *shape, const float *x, const float *zeros, size_t first,
                       size_t count, float *v, size_t step);

// Transforms products of one panel (`columns` outputs, a multiple of TN_LANES) back and writes them
// from y on, which points at the first pixel's first channel of the panel. Matrices of
// count x columns, `step` floats apart. With `pools` the greatest of each 2 x 2 outputs is
// written, to images of half the rows and columns (rounded down).
void tn_winograd_output(const tn_winograd *shape, const float *m, size_t step, size_t columns,
                        const float *bias, int clamps, int pools, size_t first, size_t count,
                        float *y);

// ---- Pixels --------------------------------------------------------------------------------

// A square kernel that moves over images.
typedef struct {
  size_t height, width, channels, stride;  // of an image; stride: floats between two pixels
  size_t rows, columns;                    // places of the kernel
  size_t kernel, step, padding;
} tn_window;

// Writes what the kernel sees at places first ..< first + count, numbered image by image and row
// by row: kernel * kernel * channels floats each, row by row of the kernel, zero outside the image.
void tn_patches(const tn_window *window, const float *x, size_t first, size_t count, float *out);

// Adds what the kernel leaves at every place of one image to its pixels: the adjoint of
// tn_patches. The patches lie `patchStride` floats apart.
void tn_fold(const tn_window *window, const float *patches, size_t patchStride, float *y);

// The greatest value of each window; y has `stride` floats a pixel too.
void tn_pool(const tn_window *window, size_t imageCount, const float *x, float *y);

#endif
