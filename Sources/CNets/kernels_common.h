// The kernels of one level, over vectors of TN_WIDTH floats. Included once by each level, which
// defines TN_NAME, TN_WIDTH and, unless TN_TRANSFORMS_ONLY is defined, the shape of the block of
// sums that its registers hold: TN_ROWS x TN_VECTORS vectors.

#include <string.h>

#pragma STDC FP_CONTRACT OFF

#define TN_INLINE static inline __attribute__((always_inline))

typedef float TN_NAME(vector) __attribute__((vector_size(4 * TN_WIDTH)));
typedef int TN_NAME(mask) __attribute__((vector_size(4 * TN_WIDTH)));
typedef float TN_NAME(loose) __attribute__((vector_size(4 * TN_WIDTH), aligned(4)));
#define vec TN_NAME(vector)

TN_INLINE vec TN_NAME(load)(const float *p) { return *(const TN_NAME(loose) *)p; }
TN_INLINE void TN_NAME(store)(float *p, vec x) { *(TN_NAME(loose) *)p = x; }
// max(0, x), 0 where x is not a number.
TN_INLINE vec TN_NAME(clamped)(vec x) {
  return (vec)((TN_NAME(mask))x & (x > (vec){0}));
}
// b > a ? b : a.
TN_INLINE vec TN_NAME(greater)(vec a, vec b) {
  TN_NAME(mask) isGreater = b > a;
  return (vec)(((TN_NAME(mask))b & isGreater) | ((TN_NAME(mask))a & ~isGreater));
}
#define load TN_NAME(load)
#define store TN_NAME(store)
#define clamped TN_NAME(clamped)
#define greater TN_NAME(greater)

// ---- Products ------------------------------------------------------------------------------

#ifndef TN_TRANSFORMS_ONLY

// Rows of a packed matrix worked on at a time: a panel's share stays in the second-level cache
// while all rows of `a` meet it.
enum { TN_NAME(depth) = 512 };

// One block of sums in registers. `columns` is the packed panel's width; `isFirst` begins the sums
// at 0, otherwise they go on from c; `isLast` ends them with bias and clamping.
#define TN_BLOCK(rowCount, vectorCount)                                                           \
  static __attribute__((noinline)) void TN_NAME(block_##rowCount##_##vectorCount)(                \
      size_t k, const float *a, size_t lda, const float *b, size_t columns, int isFirst,          \
      int isLast, const float *bias, int clamps, float *c, size_t ldc) {                          \
    vec sums[rowCount][vectorCount];                                                              \
    _Pragma("clang loop unroll(full)") for (int r = 0; r < rowCount; r++)                         \
        _Pragma("clang loop unroll(full)") for (int v = 0; v < vectorCount; v++) sums[r][v] =     \
            isFirst ? (vec){0} : load(c + r * ldc + v * TN_WIDTH);                                \
    for (size_t i = 0; i < k; i++) {                                                              \
      vec right[vectorCount];                                                                     \
      _Pragma("clang loop unroll(full)") for (int v = 0; v < vectorCount; v++) right[v] =         \
          load(b + v * TN_WIDTH);                                                                 \
      _Pragma("clang loop unroll(full)") for (int r = 0; r < rowCount; r++) {                     \
        vec left = a[r * lda + i] - (vec){0};                                                     \
        _Pragma("clang loop unroll(full)") for (int v = 0; v < vectorCount; v++) sums[r][v] =     \
            __builtin_elementwise_fma(left, right[v], sums[r][v]);                                \
      }                                                                                           \
      b += columns;                                                                               \
    }                                                                                             \
    _Pragma("clang loop unroll(full)") for (int v = 0; v < vectorCount; v++) {                    \
      vec offset = isLast && bias ? load(bias + v * TN_WIDTH) : (vec){0};                         \
      _Pragma("clang loop unroll(full)") for (int r = 0; r < rowCount; r++) {                     \
        vec x = isLast && bias ? sums[r][v] + offset : sums[r][v];                                \
        store(c + r * ldc + v * TN_WIDTH, isLast && clamps ? clamped(x) : x);                     \
      }                                                                                           \
    }                                                                                             \
  }

typedef void (*TN_NAME(block))(size_t k, const float *a, size_t lda, const float *b,
                               size_t columns, int isFirst, int isLast, const float *bias,
                               int clamps, float *c, size_t ldc);

#define TN_BLOCKS(vectorCount)                                                          \
  TN_BLOCK(1, vectorCount)                                                              \
  TN_BLOCK(2, vectorCount)                                                              \
  TN_BLOCK(3, vectorCount)                                                              \
  TN_BLOCK(4, vectorCount)                                                              \
  TN_BLOCK(5, vectorCount)                                                              \
  TN_BLOCK(6, vectorCount)
#define TN_LIST(vectorCount)                                                            \
  {TN_NAME(block_1_##vectorCount), TN_NAME(block_2_##vectorCount),                      \
   TN_NAME(block_3_##vectorCount), TN_NAME(block_4_##vectorCount),                      \
   TN_NAME(block_5_##vectorCount), TN_NAME(block_6_##vectorCount)}

#if TN_WIDTH == 16
TN_BLOCKS(1)
TN_BLOCKS(2)
TN_BLOCKS(3)
TN_BLOCKS(4)
// By groups of columns, then by rows.
static const TN_NAME(block) TN_NAME(blocks)[4][6] = {TN_LIST(1), TN_LIST(2), TN_LIST(3),
                                                     TN_LIST(4)};
#elif TN_WIDTH == 8
TN_BLOCKS(2)
static const TN_NAME(block) TN_NAME(blocks)[1][6] = {TN_LIST(2)};
#else
TN_BLOCKS(4)
static const TN_NAME(block) TN_NAME(blocks)[1][6] = {TN_LIST(4)};
#endif

static void TN_NAME(multiply)(size_t rows, size_t k, size_t n, const float *a, size_t lda,
                              const float *packed, const float *bias, int clamps, float *c,
                              size_t ldc) {
  size_t all = tn_rounded(n);
  // Rows in groups of nearly equal size.
  size_t groups = (rows + TN_ROWS - 1) / TN_ROWS;
  for (size_t panel = 0; panel < all; panel += TN_PANEL) {
    size_t columns = all - panel < TN_PANEL ? all - panel : TN_PANEL;
    for (size_t from = 0; from == 0 || from < k; from += TN_NAME(depth)) {
      size_t depth = k - from < TN_NAME(depth) ? k - from : TN_NAME(depth);
      int isLast = from + depth == k;
      const float *b = packed + panel * k + from * columns;
      for (size_t group = 0; group < groups; group++) {
        size_t row = group * rows / groups;
        size_t count = (group + 1) * rows / groups - row;
        size_t width = columns < TN_VECTORS * TN_WIDTH ? columns : TN_VECTORS * TN_WIDTH;
        TN_NAME(block) block = TN_NAME(blocks)[(width - 1) / TN_LANES][count - 1];
        for (size_t column = 0; column < columns; column += width) {
          block(depth, a + row * lda + from, lda, b + column, columns, from == 0, isLast,
                bias ? bias + panel + column : NULL, clamps, c + row * ldc + panel + column, ldc);
        }
      }
    }
  }
}

#endif

// ---- Winograd's transforms -----------------------------------------------------------------

// Matrices of Lavin and Gray, "Fast algorithms for convolutional neural networks", CVPR 2016. All
// factors are powers of two, so that fusing them with an addition changes no bit.

typedef struct {
  vec at[6];
} TN_NAME(six);
typedef struct {
  vec at[4];
} TN_NAME(four);

TN_INLINE TN_NAME(six) TN_NAME(input_line)(TN_NAME(six) d) {
  vec a = d.at[4] - 4 * d.at[2], b = d.at[3] - 4 * d.at[1];
  vec e = d.at[4] - d.at[2], f = 2 * (d.at[3] - d.at[1]);
  return (TN_NAME(six)){{e + 4 * (d.at[0] - d.at[2]), a + b, a - b, e + f, e - f,
                         4 * (d.at[1] - d.at[3]) + (d.at[5] - d.at[3])}};
}

TN_INLINE TN_NAME(four) TN_NAME(output_line)(TN_NAME(six) m) {
  vec a = m.at[1] + m.at[2], b = m.at[1] - m.at[2];
  vec e = m.at[3] + m.at[4], f = m.at[3] - m.at[4];
  return (TN_NAME(four)){{m.at[0] + a + e, b + 2 * f, a + 4 * e, b + 8 * f + m.at[5]}};
}

static void TN_NAME(winograd_input)(const tn_winograd *shape, const float *x, const float *zeros,
                                    size_t first, size_t count, float *v, size_t step) {
  const size_t height = shape->height, width = shape->width, stride = shape->inputStride;
  const size_t tileColumns = (width + 3) / 4, tileRows = (height + 3) / 4;
  for (size_t tile = 0; tile < count; tile++) {
    size_t number = first + tile;
    size_t image = number / (tileRows * tileColumns);
    size_t top = number / tileColumns % tileRows * 4, left = number % tileColumns * 4;
    const float *pixels[36];
    for (size_t row = 0; row < 6; row++) {
      for (size_t column = 0; column < 6; column++) {
        size_t y = top + row, z = left + column;  // one more than the pixel's
        int isInside = y > 0 && y <= height && z > 0 && z <= width;
        pixels[6 * row + column] =
            isInside ? x + ((image * height + y - 1) * width + z - 1) * stride : zeros;
      }
    }
    for (size_t channel = 0; channel < stride; channel += TN_WIDTH) {
      TN_NAME(six) columns[6];
      for (int column = 0; column < 6; column++) {
        TN_NAME(six) d;
        for (int row = 0; row < 6; row++) d.at[row] = load(pixels[6 * row + column] + channel);
        columns[column] = TN_NAME(input_line)(d);
      }
      float *out = v + tile * stride + channel;
      for (int row = 0; row < 6; row++) {
        TN_NAME(six) d;
        for (int column = 0; column < 6; column++) d.at[column] = columns[column].at[row];
        TN_NAME(six) r = TN_NAME(input_line)(d);
        for (int column = 0; column < 6; column++) {
          store(out + (size_t)(6 * row + column) * step, r.at[column]);
        }
      }
    }
  }
}

// One tile's outputs of one vector of channels.
TN_INLINE void TN_NAME(output_tile)(const float *m, size_t step, TN_NAME(four) out[4]) {
  TN_NAME(four) columns[6];
  for (int column = 0; column < 6; column++) {
    TN_NAME(six) d;
    for (int row = 0; row < 6; row++) d.at[row] = load(m + (size_t)(6 * row + column) * step);
    columns[column] = TN_NAME(output_line)(d);
  }
  for (int row = 0; row < 4; row++) {
    TN_NAME(six) d;
    for (int column = 0; column < 6; column++) d.at[column] = columns[column].at[row];
    out[row] = TN_NAME(output_line)(d);
  }
}

static void TN_NAME(winograd_output)(const tn_winograd *shape, const float *m, size_t step,
                                     size_t columns, const float *bias, int clamps, int pools,
                                     size_t first, size_t count, float *y) {
  const size_t tileColumns = (shape->width + 3) / 4, tileRows = (shape->height + 3) / 4;
  const size_t height = pools ? shape->height / 2 : shape->height;
  const size_t width = pools ? shape->width / 2 : shape->width;
  const size_t side = pools ? 2 : 4, stride = shape->outputStride;
  for (size_t tile = 0; tile < count; tile++) {
    size_t number = first + tile;
    size_t image = number / (tileRows * tileColumns);
    size_t top = number / tileColumns % tileRows * side, left = number % tileColumns * side;
    size_t rows = height > top ? height - top : 0, across = width > left ? width - left : 0;
    float *corner = y + ((image * height + top) * width + left) * stride;
    for (size_t channel = 0; channel < columns; channel += TN_WIDTH) {
      TN_NAME(four) out[4];
      TN_NAME(output_tile)(m + tile * columns + channel, step, out);
      vec offset = bias ? load(bias + channel) : (vec){0};
      if (pools) {
        for (int row = 0; row < 2; row++) {
          for (int column = 0; column < 2; column++) {
            vec upper = greater(out[2 * row].at[2 * column], out[2 * row].at[2 * column + 1]);
            vec lower =
                greater(out[2 * row + 1].at[2 * column], out[2 * row + 1].at[2 * column + 1]);
            out[row].at[column] = greater(upper, lower);
          }
        }
      }
      for (size_t row = 0; row < side && row < rows; row++) {
        for (size_t column = 0; column < side && column < across; column++) {
          vec x = out[row].at[column] + offset;
          store(corner + (row * width + column) * stride + channel, clamps ? clamped(x) : x);
        }
      }
    }
  }
}

#ifndef TN_TRANSFORMS_ONLY
static const tn_kernels TN_NAME(kernels) = {TN_NAME(multiply), TN_NAME(winograd_input),
                                            TN_NAME(winograd_output)};
#endif

#undef load
#undef store
#undef clamped
#undef greater
#undef vec
