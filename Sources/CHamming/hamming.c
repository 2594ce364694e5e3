#include "CHamming.h"
#include <string.h>

uint32_t tp_distance(const void *a, const void *b, size_t byteCount) {
  const uint8_t *x = a, *y = b;
  uint32_t sum = 0;
  size_t i = 0;
  for (; i + 8 <= byteCount; i += 8) {
    uint64_t u, v;
    memcpy(&u, x + i, 8);
    memcpy(&v, y + i, 8);
    sum += (uint32_t)__builtin_popcountll(u ^ v);
  }
  for (; i < byteCount; i++) sum += (uint32_t)__builtin_popcount((unsigned)(x[i] ^ y[i]));
  return sum;
}

void tp_permute(const void *code, const uint16_t *sources, void *target) {
  const uint8_t *in = code;
  uint8_t *out = target;
  for (int byte = 0; byte < 512; byte++) {
    unsigned value = 0;
    for (int bit = 0; bit < 8; bit++) {
      unsigned i = sources[8 * byte + bit];
      value = value << 1 | (in[i >> 3] >> (7 - (i & 7)) & 1u);
    }
    out[byte] = (uint8_t)value;
  }
}

void tp_unpermute(const void *permuted, const uint16_t *sources, void *target) {
  const uint8_t *in = permuted;
  uint8_t *out = target;
  memset(out, 0, 512);
  for (int j = 0; j < 4096; j++) {
    unsigned i = sources[j];
    out[i >> 3] |= (uint8_t)((in[j >> 3] >> (7 - (j & 7)) & 1u) << (7 - (i & 7)));
  }
}
