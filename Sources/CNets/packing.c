#include "CNets.h"

void tn_pack(const float *b, size_t rowStride, size_t columnStride, size_t k, size_t n,
             float *packed) {
  size_t all = tn_rounded(n);
  for (size_t panel = 0; panel < all; panel += TN_PANEL) {
    size_t columns = all - panel < TN_PANEL ? all - panel : TN_PANEL;
    float *target = packed + panel * k;
    for (size_t i = 0; i < k; i++) {
      for (size_t j = 0; j < columns; j++) {
        size_t column = panel + j;
        target[i * columns + j] = column < n ? b[i * rowStride + column * columnStride] : 0;
      }
    }
  }
}

// G g for one column of a kernel.
static void kernel_line(float a, float b, float c, float out[6]) {
  float outer = (a + c) / 6, inner = b / 6;
  float far = a / 24 + c / 6, near = b / 12;
  out[0] = a / 4;
  out[1] = -outer - inner;
  out[2] = inner - outer;
  out[3] = far + near;
  out[4] = far - near;
  out[5] = c;
}

void tn_winograd_kernels(const float *kernels, size_t channels, size_t outputs,
                         float *transformed) {
#pragma STDC FP_CONTRACT OFF
  size_t all = tn_rounded(outputs);
  for (size_t output = 0; output < all; output++) {
    size_t panel = output / TN_PANEL * TN_PANEL;
    size_t columns = all - panel < TN_PANEL ? all - panel : TN_PANEL;
    float *target = transformed + TN_WINOGRAD_PRODUCTS * channels * panel + (output - panel);
    for (size_t channel = 0; channel < channels; channel++) {
      const float *g = kernels + (output * channels + channel) * 9;
      float lines[3][6];
      for (int i = 0; i < 3; i++) {
        if (output < outputs) {
          kernel_line(g[i], g[3 + i], g[6 + i], lines[i]);
        } else {
          for (int row = 0; row < 6; row++) lines[i][row] = 0;
        }
      }
      for (size_t row = 0; row < 6; row++) {
        float values[6];
        kernel_line(lines[0][row], lines[1][row], lines[2][row], values);
        for (size_t i = 0; i < 6; i++) {
          target[((6 * row + i) * channels + channel) * columns] = values[i];
        }
      }
    }
  }
}
