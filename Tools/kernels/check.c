// Compares every kernel at every level that this machine has with the portable one, on random
// input. The Swift tests hold the portable one to the naive loop; this program is for machines that
// they do not run on, emulated ones most of all. See Tools/check-kernels.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "CHamming.h"

enum { rowMax = 300, caseCount = 2000 };

static uint64_t state;

static uint64_t draw(void) {
  // SplitMix64.
  uint64_t z = state += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

static unsigned below(unsigned end) { return (unsigned)(draw() % end); }

// Sparse, dense, equal or fair bytes, one kind a call.
static void fill(uint8_t *bytes, size_t count) {
  unsigned kind = below(6);
  for (size_t i = 0; i < count; i++) {
    uint8_t byte = (uint8_t)draw();
    bytes[i] = kind == 0   ? 0
               : kind == 1 ? 0xff
               : kind == 2 ? byte & (uint8_t)draw() & (uint8_t)draw()
                           : byte;
  }
}

// What one kernel gave: lists are copied behind one another, what lies behind a list is not.
typedef struct {
  const char *name;
  size_t size;
  uint8_t bytes[16 * rowMax + 64];
} outcome;

static outcome *next;

static void begin(const char *name) {
  next++;
  next->name = name;
  next->size = 0;
}

static void add(const void *values, size_t size) {
  memcpy(next->bytes + next->size, values, size);
  next->size += size;
}

// Runs every kernel on input drawn by a seed; returns how many outcomes were written.
static size_t run(uint64_t seed, outcome *outcomes) {
  static uint8_t query[512 + 64], other[512 + 64], codes[512 * rowMax + 64], narrow[rowMax + 64];
  static uint8_t kept[rowMax + 64];
  static uint16_t wide[2 * rowMax], partials[rowMax], shortRows[rowMax];
  static uint32_t rows[2 * rowMax];
  static const uint8_t *addresses[rowMax];
  next = outcomes - 1;
  state = seed;
  // Off their alignment.
  uint8_t *q = query + below(64), *r = other + below(64), *c = codes + below(64);
  fill(q, 512);
  fill(r, 512);
  fill(c, 512 * rowMax);
  const size_t count = below(rowMax + 1);
  const uint8_t *seconds = c + 32 * count, *rests = c + 64 * count;

  begin("distance");
  uint32_t distance = tp_distance(q, r, below(513));
  add(&distance, sizeof distance);
  begin("scan16");
  tp_scan16(q, c, count, narrow);
  add(narrow, count);
  begin("scan64");
  tp_scan64(q, c, count, wide);
  add(wide, 2 * count);
  begin("scan512");
  tp_scan512(q, c, count, wide);
  add(wide, 2 * count);
  begin("scan_split");
  tp_scan_split(q, c, seconds, count, wide);
  add(wide, 2 * count);
  begin("select16");
  size_t found = tp_select16(wide, count, below(520), below(1000), rows);
  add(rows, 4 * found);
  begin("scan32");
  tp_scan32(q, c, count, narrow);
  add(narrow, count);
  begin("select");
  found = tp_select(narrow, count, below(300), below(1000), rows);
  add(rows, 4 * found);
  begin("select_values");
  found = tp_select_values(narrow, count, below(300), below(65536 - rowMax), shortRows, kept);
  add(shortRows, 2 * found);
  add(kept, found);
  begin("filter");
  found = tp_filter(shortRows, kept, found, below(300), below(1 << 30), rows, partials);
  add(rows, 4 * found);
  add(partials, 2 * found);

  static const size_t widths[] = {16, 32, 64};
  for (int w = 0; w < 3; w++) {
    begin("refine");
    size_t candidates = below((unsigned)count + 1);
    for (size_t i = 0; i < candidates; i++) {
      rows[i] = below((unsigned)count);
      partials[i] = (uint16_t)below(257);
    }
    found = tp_refine(q, widths[w], c, 512, rows, partials, candidates, below(700));
    add(rows, 4 * found);
    add(partials, 2 * found);
  }
  begin("finish");
  for (size_t i = 0; i < count; i++) {
    rows[i] = (uint32_t)i;
    partials[i] = (uint16_t)below(257);
    addresses[i] = rests + 448 * i;
  }
  size_t finished = 0;
  found = tp_finish(q + 64, addresses, rows, partials, count, below(700), below(4200), &finished);
  add(&finished, sizeof finished);
  add(rows, 4 * found);
  add(partials, 2 * found);
  begin("scan_rows");
  found = tp_scan_rows(q, c, seconds, rests, count, below(4200), below(1000), rows, wide);
  add(rows, 4 * found);
  add(wide, 2 * found);
  begin("scan_rows_pair");
  unsigned bounds[2] = {below(4200), below(4200)};
  size_t hits[2] = {0, 0};
  tp_scan_rows_pair(q, r, c, seconds, rests, count, bounds, below(1000), rows, wide, hits);
  add(hits, sizeof hits);
  for (size_t side = 0; side < 2; side++) {
    add(rows + side * count, 4 * hits[side]);
    add(wide + side * count, 2 * hits[side]);
  }
  return (size_t)(next - outcomes) + 1;
}

int main(void) {
  static outcome expected[32], given[32];
  int status = 0;
  for (int level = TP_LEVEL_PORTABLE + 1; level < TP_LEVEL_COUNT; level++) {
    if (!tp_level_available(level)) continue;
    for (uint64_t seed = 1; seed <= caseCount && !status; seed++) {
      tp_level_force(TP_LEVEL_PORTABLE);
      size_t count = run(seed, expected);
      tp_level_force(level);
      run(seed, given);
      for (size_t i = 0; i < count; i++) {
        if (expected[i].size == given[i].size &&
            memcmp(expected[i].bytes, given[i].bytes, given[i].size) == 0) {
          continue;
        }
        printf("%s: %s differs from portable, seed=%llu\n", tp_level_name(level),
               given[i].name, (unsigned long long)seed);
        status = 1;
      }
    }
    if (status) return status;
    printf("%s: %d cases of every kernel equal to portable\n", tp_level_name(level), caseCount);
  }
  return status;
}
