#include <string.h>

#include "CHamming.h"

static inline uint64_t load_bits(const uint8_t *bytes) {
  uint64_t word;
  memcpy(&word, bytes, 8);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  word = __builtin_bswap64(word);
#endif
  return word;
}

static inline void store_bits(uint8_t *bytes, uint64_t word) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  word = __builtin_bswap64(word);
#endif
  memcpy(bytes, &word, 8);
}

// Bit c (0 is the highest) of word r becomes bit r of word c: six rounds, each of which swaps the
// off-diagonal quarters of ever smaller squares. Source: Warren, Hacker's Delight, section 7-3.
static inline void transpose(uint64_t word[64]) {
  uint64_t mask = 0x00000000ffffffff;
  for (int half = 32; half > 0; half >>= 1, mask ^= mask << half) {
    for (int square = 0; square < 64; square += 2 * half) {
      uint64_t *a = word + square;
      uint64_t *b = a + half;
      for (int i = 0; i < half; i++) {
        uint64_t difference = (a[i] ^ b[i] >> half) & mask;
        a[i] ^= difference;
        b[i] ^= difference << half;
      }
    }
  }
}

// With the bits of one place of 64 codes in one word, a place moves for all of them by one load
// and one store; turning the words round and back costs less than moving single bits.
void tp_permute_64(const void *codes, const uint16_t *order, void *targets) {
  const uint8_t *in = codes;
  uint8_t *out = targets;
  uint64_t places[4096];
  for (int word = 0; word < 64; word++) {
    uint64_t *square = places + 64 * word;
    for (int row = 0; row < 64; row++) square[row] = load_bits(in + 512 * row + 8 * word);
    transpose(square);
  }
  for (int word = 0; word < 64; word++) {
    uint64_t square[64];
    for (int i = 0; i < 64; i++) square[i] = places[order[64 * word + i]];
    transpose(square);
    for (int row = 0; row < 64; row++) store_bits(out + 512 * row + 8 * word, square[row]);
  }
}
