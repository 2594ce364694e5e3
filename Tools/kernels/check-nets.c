// Compares the kernels of CNets at every level that this machine has with the portable ones, bit for
// bit, on random input. For machines that the Swift tests do not run on, emulated ones most of all.
// See Tools/check-kernels.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "CNets.h"

enum { caseCount = 60, sizeMax = 1 << 18 };

static uint64_t state;

static uint64_t draw(void) {
  // SplitMix64.
  uint64_t z = state += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

static size_t below(size_t end) { return (size_t)(draw() % end); }

static void fill(float *values, size_t count) {
  for (size_t i = 0; i < count; i++) values[i] = (float)(draw() >> 40) * 0x1p-23f - 1;
}

static float left[sizeMax], right[sizeMax], packed[sizeMax], bias[512];

// A product of any shape.
static size_t product(float *out) {
  size_t rows = 1 + below(20), k = below(8) ? below(90) : 900 + below(300), n = 1 + below(150);
  int hasBias = (int)below(2), clamps = (int)below(2);
  fill(left, rows * k);
  fill(right, k * n);
  fill(bias, tn_rounded(n));
  tn_pack(right, n, 1, k, n, packed);
  tn_multiply(rows, k, n, left, k, packed, hasBias ? bias : NULL, clamps, out, tn_rounded(n));
  return rows * tn_rounded(n);
}

// Both transforms of some tiles.
static size_t transforms(float *out) {
  tn_winograd shape = {1 + below(20), 1 + below(20), TN_LANES * (1 + below(3)), 0};
  size_t images = 1 + below(3), columns = shape.inputStride;
  shape.outputStride = columns;
  size_t tiles = images * ((shape.height + 3) / 4) * ((shape.width + 3) / 4);
  size_t step = tiles * columns + 5, pixels = images * shape.height * shape.width * columns;
  if (step * TN_WINOGRAD_PRODUCTS > sizeMax || pixels > sizeMax) return 0;
  static const float zeros[TN_LANES * 3];
  fill(left, pixels);
  fill(bias, columns);
  memset(right, 0, sizeof right);
  tn_winograd_input(&shape, left, zeros, 0, tiles, right, step);
  tn_winograd_output(&shape, right, step, columns, bias, (int)below(2), (int)below(2), 0, tiles,
                     out);
  return pixels;
}

int main(void) {
  static float expected[sizeMax], found[sizeMax];
  for (int level = 0; level < TN_LEVEL_COUNT; level++) {
    if (!tn_level_available(level)) continue;
    for (uint64_t seed = 0; seed < caseCount; seed++) {
      for (int kind = 0; kind < 2; kind++) {
        memset(expected, 0, sizeof expected);
        memset(found, 0, sizeof found);
        tn_level_force(TN_LEVEL_PORTABLE);
        state = seed;
        size_t count = kind ? transforms(expected) : product(expected);
        tn_level_force(level);
        state = seed;
        if (kind) transforms(found);
        else product(found);
        if (memcmp(expected, found, count * sizeof(float)) != 0) {
          printf("%s: seed %llu, %s differ\n", tn_level_name(level), (unsigned long long)seed,
                 kind ? "transforms" : "products");
          return EXIT_FAILURE;
        }
      }
    }
    printf("%s: %d products and transforms equal\n", tn_level_name(level), caseCount);
  }
  return EXIT_SUCCESS;
}
