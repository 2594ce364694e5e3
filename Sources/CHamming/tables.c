#include <string.h>

#include "CHamming.h"

uint32_t tp_bucket(const void *permuted, size_t table, unsigned keyBits) {
  size_t bit = table * keyBits;
  uint32_t word;
  memcpy(&word, (const uint8_t *)permuted + (bit >> 3), 4);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  word = __builtin_bswap32(word);
#endif
  return (word << (bit & 7)) >> (32 - keyBits);
}

size_t tp_lookup(const tp_table *tables, const uint32_t *buckets, size_t tableCount,
                 uint32_t *starts, uint32_t *lengths) {
  size_t total = 0;
  for (size_t j = 0; j < tableCount; j++) __builtin_prefetch(tables[j].directory + buckets[j]);
  for (size_t j = 0; j < tableCount; j++) {
    uint32_t start = tables[j].directory[buckets[j]];
    uint32_t length = tables[j].directory[buckets[j] + 1] - start;
    starts[j] = start;
    lengths[j] = length;
    total += length;
    const uint8_t *list = (const uint8_t *)tables[j].postings + 4 * (size_t)start;
    __builtin_prefetch(list);
    // Lists of the usual length (16) lie in one or two lines; longer ones the hardware follows.
    if (length > 1) __builtin_prefetch(list + 4 * (size_t)(length < 32 ? length - 1 : 31));
  }
  return total;
}

static inline uint32_t posting(const tp_table *table, size_t index) {
  uint32_t row;
  memcpy(&row, (const uint8_t *)table->postings + 4 * index, 4);
  return row;
}

void tp_collect(const tp_table *tables, const uint32_t *starts, const uint32_t *lengths,
                size_t tableCount, uint32_t rowCount, uint64_t *seen, uint32_t *firsts,
                size_t *firstCount, uint32_t *repeats, size_t *repeatCount) {
  size_t f = *firstCount, r = *repeatCount;
  for (size_t j = 0; j < tableCount; j++) {
    for (size_t i = starts[j], end = i + lengths[j]; i < end; i++) {
      uint32_t row = posting(tables + j, i);
      if (row >= rowCount) continue;
      // The product spreads rows that follow one another, as those of one cluster do.
      uint32_t place = row * 0x9e3779b1u >> 16;
      uint64_t bit = 1ull << (place & 63), word = seen[place >> 6];
      size_t met = (word & bit) != 0;
      seen[place >> 6] = word | bit;
      // Without a branch: write to both lists, go on in one.
      firsts[f] = row;
      repeats[r] = row;
      f += 1 - met;
      r += met;
    }
  }
  *firstCount = f;
  *repeatCount = r;
}

size_t tp_vote(const tp_table *tables, const uint32_t *starts, const uint32_t *lengths,
               size_t tableCount, uint32_t rowCount, unsigned voteCount, uint8_t *votes,
               uint32_t *out) {
  enum { ahead = 16 };
  size_t found = 0;
  for (size_t j = 0; j < tableCount; j++) {
    size_t end = (size_t)starts[j] + lengths[j];
    for (size_t i = starts[j]; i < end; i++) {
      if (i + ahead < end) {
        uint32_t next = posting(tables + j, i + ahead);
        if (next < rowCount) __builtin_prefetch(votes + next, 1);
      }
      uint32_t row = posting(tables + j, i);
      if (row >= rowCount) continue;
      uint8_t count = (uint8_t)(votes[row] + (votes[row] < 255));
      votes[row] = count;
      out[found] = row;
      found += count == voteCount;
    }
  }
  for (size_t j = 0; j < tableCount; j++) {
    size_t end = (size_t)starts[j] + lengths[j];
    for (size_t i = starts[j]; i < end; i++) {
      uint32_t row = posting(tables + j, i);
      if (row < rowCount) votes[row] = 0;
    }
  }
  return found;
}

void tp_buckets(const void *permuted, size_t first, size_t count, unsigned keyBits,
                uint32_t *buckets, size_t stride) {
  for (size_t j = 0; j < count; j++) buckets[j * stride] = tp_bucket(permuted, first + j, keyBits);
}

void tp_sort_postings(const uint32_t *buckets, size_t rowCount, size_t bucketCount,
                      uint32_t *directory, uint32_t *postings, uint32_t *cursors) {
  memset(cursors, 0, bucketCount * sizeof *cursors);
  for (size_t i = 0; i < rowCount; i++) {
    if (buckets[i] < bucketCount) cursors[buckets[i]]++;
  }
  uint32_t total = 0;
  for (size_t b = 0; b < bucketCount; b++) {
    uint32_t length = cursors[b];
    directory[b] = total;
    cursors[b] = total;
    total += length;
  }
  directory[bucketCount] = total;
  for (size_t i = 0; i < rowCount; i++) {
    if (buckets[i] < bucketCount) postings[cursors[buckets[i]]++] = (uint32_t)i;
  }
}

size_t tp_smallest(const uint16_t *values, size_t count) {
  // Loops without a way out in the middle, which compilers turn into vector code. Signed words:
  // the oldest x86-64 has no least of two unsigned ones.
  int16_t least = INT16_MAX;
  for (size_t i = 0; i < count; i++) {
    int16_t value = (int16_t)(values[i] ^ 0x8000);
    least = value < least ? value : least;
  }
  const uint16_t sought = (uint16_t)(least ^ 0x8000);
  enum { run = 64 };
  size_t i = 0;
  for (; i + run <= count; i += run) {
    uint16_t met = 0;
    for (size_t k = 0; k < run; k++) met |= values[i + k] == sought ? 0xffff : 0;
    if (met) break;
  }
  while (values[i] != sought) i++;
  return i;
}

static inline size_t slot_of(uint32_t row, const uint32_t *keys, const uint8_t *counts,
                             size_t size) {
  size_t slot = (row * 0x9e3779b1u >> 7) & (size - 1);
  while (counts[slot] && keys[slot] != row) slot = (slot + 1) & (size - 1);
  return slot;
}

size_t tp_tally(const uint32_t *rows, size_t count, unsigned minimum, uint32_t *keys,
                uint8_t *counts, size_t size, uint32_t *out) {
  memset(counts, 0, size);
  size_t found = 0;
  for (size_t i = 0; i < count; i++) {
    size_t slot = slot_of(rows[i], keys, counts, size);
    keys[slot] = rows[i];
    // The highest bit is for tp_join.
    if (counts[slot] == 127) continue;
    if (++counts[slot] == minimum) out[found++] = rows[i];
  }
  return found;
}

size_t tp_join(uint32_t *firsts, size_t firstCount, const uint32_t *keys, uint8_t *counts,
               size_t size) {
  for (size_t i = 0; i < firstCount; i++) {
    size_t slot = (firsts[i] * 0x9e3779b1u >> 7) & (size - 1);
    while (counts[slot] && keys[slot] != firsts[i]) slot = (slot + 1) & (size - 1);
    if (counts[slot]) counts[slot] |= 128;
  }
  for (size_t slot = 0; slot < size; slot++) {
    if (counts[slot] && !(counts[slot] & 128)) firsts[firstCount++] = keys[slot];
  }
  return firstCount;
}

void tp_order(uint32_t *positions, uint16_t *partials, size_t count, uint32_t *positionScratch,
              uint16_t *partialScratch) {
  uint32_t starts[514] = {0};
  for (size_t i = 0; i < count; i++) starts[partials[i] + 1]++;
  for (int p = 0; p < 512; p++) starts[p + 1] += starts[p];
  for (size_t i = 0; i < count; i++) {
    uint32_t to = starts[partials[i]]++;
    positionScratch[to] = positions[i];
    partialScratch[to] = partials[i];
  }
  memcpy(positions, positionScratch, count * sizeof *positions);
  memcpy(partials, partialScratch, count * sizeof *partials);
}

int tp_ascending(const uint32_t *values, size_t count) {
  uint32_t descents = 0;
  for (size_t i = 1; i < count; i++) descents += values[i] < values[i - 1];
  return descents == 0;
}
