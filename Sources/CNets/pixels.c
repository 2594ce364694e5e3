#include <string.h>

#include "CNets.h"

void tn_patches(const tn_window *window, const float *x, size_t first, size_t count, float *out) {
  const tn_window w = *window;
  const size_t run = w.kernel * w.channels, places = w.rows * w.columns;
  for (size_t place = first; place < first + count; place++) {
    const float *image = x + place / places * w.height * w.width * w.stride;
    // One kernel's width and height more than the first pixel's, so that nothing is below 0.
    const size_t top = place % places / w.columns * w.step;
    const size_t left = place % w.columns * w.step;
    const int isInside = left >= w.padding && left + w.kernel <= w.width + w.padding;
    for (size_t ky = 0; ky < w.kernel; ky++, out += run) {
      size_t y = top + ky;
      if (y < w.padding || y >= w.height + w.padding) {
        memset(out, 0, run * sizeof(float));
        continue;
      }
      const float *row = image + (y - w.padding) * w.width * w.stride;
      if (isInside && w.stride == w.channels) {
        const float *source = row + (left - w.padding) * w.stride;
        for (size_t i = 0; i < run; i++) out[i] = source[i];
        continue;
      }
      for (size_t kx = 0; kx < w.kernel; kx++) {
        size_t z = left + kx;
        float *target = out + kx * w.channels;
        if (z < w.padding || z >= w.width + w.padding) {
          memset(target, 0, w.channels * sizeof(float));
        } else {
          memcpy(target, row + (z - w.padding) * w.stride, w.channels * sizeof(float));
        }
      }
    }
  }
}

void tn_fold(const tn_window *window, const float *patches, size_t patchStride, float *y) {
  const tn_window w = *window;
  for (size_t place = 0; place < w.rows * w.columns; place++) {
    const float *patch = patches + place * patchStride;
    const size_t top = place / w.columns * w.step, left = place % w.columns * w.step;
    for (size_t ky = 0; ky < w.kernel; ky++) {
      for (size_t kx = 0; kx < w.kernel; kx++, patch += w.channels) {
        size_t row = top + ky, column = left + kx;
        if (row < w.padding || row >= w.height + w.padding || column < w.padding ||
            column >= w.width + w.padding) {
          continue;
        }
        float *target = y + ((row - w.padding) * w.width + column - w.padding) * w.stride;
        for (size_t c = 0; c < w.channels; c++) target[c] += patch[c];
      }
    }
  }
}

void tn_pool(const tn_window *window, size_t imageCount, const float *x, float *y) {
  const tn_window w = *window;
  for (size_t place = 0; place < imageCount * w.rows * w.columns; place++) {
    const size_t image = place / (w.rows * w.columns);
    const size_t top = place / w.columns % w.rows * w.step, left = place % w.columns * w.step;
    const float *corner = x + ((image * w.height + top) * w.width + left) * w.stride;
    float *target = y + place * w.stride;
    memcpy(target, corner, w.stride * sizeof(float));
    for (size_t ky = 0; ky < w.kernel; ky++) {
      for (size_t kx = 0; kx < w.kernel; kx++) {
        const float *source = corner + (ky * w.width + kx) * w.stride;
        for (size_t c = 0; c < w.stride; c++) {
          target[c] = source[c] > target[c] ? source[c] : target[c];
        }
      }
    }
  }
}
