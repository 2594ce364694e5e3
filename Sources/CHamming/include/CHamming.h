#ifndef CHAMMING_H
#define CHAMMING_H

#include <stddef.h>
#include <stdint.h>

// Number of bits in which two runs of `byteCount` bytes differ.
uint32_t tp_distance(const void *a, const void *b, size_t byteCount);

// target bit j = code bit sources[j], j in 0..<4096. Bit i of a code is bit 7 - i % 8 of byte i / 8.
void tp_permute(const void *code, const uint16_t *sources, void *target);
// The inverse: target bit sources[j] = permuted bit j.
void tp_unpermute(const void *permuted, const uint16_t *sources, void *target);

#endif
