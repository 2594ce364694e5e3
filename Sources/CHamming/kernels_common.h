// Bodies shared by all levels. The includer defines TP_NAME(x), TP_TARGET and the inline
// distances tp_d16, tp_d32, tp_d64 and tp_dn (bytes a multiple of 64) under TP_NAME.

TP_TARGET static uint32_t TP_NAME(distance)(const void *a, const void *b, size_t byteCount) {
  const uint8_t *x = a, *y = b;
  size_t whole = byteCount & ~(size_t)63;
  uint32_t sum = whole ? TP_NAME(dn)(x, y, whole) : 0;
  for (size_t i = whole; i < byteCount; i++) {
    sum += tp_popcount_byte((uint8_t)(x[i] ^ y[i]));
  }
  return sum;
}

TP_TARGET static void TP_NAME(scan512)(const void *query, const void *codes, size_t count,
                                       uint16_t *distances) {
  const uint8_t *p = codes;
  for (size_t i = 0; i < count; i++, p += 512) {
    distances[i] = (uint16_t)TP_NAME(dn)(query, p, 512);
  }
}

#ifndef TP_OWN_SCANS
TP_TARGET static void TP_NAME(scan16)(const void *query, const void *codes, size_t count,
                                      uint8_t *distances) {
  const uint8_t *p = codes;
  for (size_t i = 0; i < count; i++, p += 16) distances[i] = (uint8_t)TP_NAME(d16)(query, p);
}

TP_TARGET static void TP_NAME(scan32)(const void *query, const void *codes, size_t count,
                                      uint8_t *distances) {
  const uint8_t *p = codes;
  for (size_t i = 0; i < count; i++, p += 32) {
    uint32_t d = TP_NAME(d32)(query, p);
    distances[i] = (uint8_t)(d > 255 ? 255 : d);
  }
}

TP_TARGET static void TP_NAME(scan64)(const void *query, const void *codes, size_t count,
                                      uint16_t *distances) {
  const uint8_t *p = codes;
  for (size_t i = 0; i < count; i++, p += 64) distances[i] = (uint16_t)TP_NAME(d64)(query, p);
}

TP_TARGET static void TP_NAME(scan_split)(const void *query, const uint8_t *sketches,
                                          const uint8_t *seconds, size_t count,
                                          uint16_t *distances) {
  const uint8_t *q = query;
  for (size_t i = 0; i < count; i++) {
    distances[i] = (uint16_t)(TP_NAME(d32)(q, sketches + 32 * i) +
                              TP_NAME(d32)(q + 32, seconds + 32 * i));
  }
}

TP_TARGET static size_t TP_NAME(select16)(const uint16_t *values, size_t count, unsigned bound,
                                          uint32_t first, uint32_t *out) {
  size_t found = 0;
  for (size_t i = 0; i < count; i++) {
    out[found] = first + (uint32_t)i;
    found += values[i] <= bound;
  }
  return found;
}

TP_TARGET static size_t TP_NAME(select)(const uint8_t *values, size_t count, unsigned bound,
                                        uint32_t first, uint32_t *out) {
  size_t found = 0;
  for (size_t i = 0; i < count; i++) {
    out[found] = first + (uint32_t)i;
    found += values[i] <= bound;
  }
  return found;
}

TP_TARGET static size_t TP_NAME(select_values)(const uint8_t *values, size_t count,
                                               unsigned bound, unsigned first, uint16_t *out,
                                               uint8_t *kept) {
  size_t found = 0;
  for (size_t i = 0; i < count; i++) {
    if (values[i] > bound) continue;
    out[found] = (uint16_t)(first + i);
    kept[found++] = values[i];
  }
  return found;
}

TP_TARGET static size_t TP_NAME(filter)(const uint16_t *rows, const uint8_t *values, size_t count,
                                        unsigned bound, uint32_t first, uint32_t *positions,
                                        uint16_t *partials) {
  size_t found = 0;
  for (size_t i = 0; i < count; i++) {
    positions[found] = first + rows[i];
    partials[found] = values[i];
    found += values[i] <= bound;
  }
  return found;
}

TP_TARGET static void TP_NAME(scan_rows_pair)(
    const void *query0, const void *query1, const uint8_t *sketches, const uint8_t *seconds,
    const uint8_t *rests, size_t count, const unsigned bounds[2], uint32_t first, uint32_t *rows,
    uint16_t *distances, size_t hitCounts[2]) {
  const uint8_t *q[2] = {query0, query1};
  size_t hits[2] = {0, 0};
  for (size_t i = 0; i < count; i++) {
    for (int k = 0; k < 2; k++) {
      uint32_t d = TP_NAME(d32)(q[k], sketches + 32 * i) +
                   TP_NAME(d32)(q[k] + 32, seconds + 32 * i) +
                   TP_NAME(dn)(q[k] + 64, rests + 448 * i, 448);
      if (d <= bounds[k]) {
        rows[k * count + hits[k]] = first + (uint32_t)i;
        distances[k * count + hits[k]++] = (uint16_t)d;
      }
    }
  }
  hitCounts[0] = hits[0];
  hitCounts[1] = hits[1];
}
#endif

// How many candidates ahead of the one at work its memory is asked for: enough to cover a miss
// to memory (about 100 ns) at 3 to 5 ns a candidate.
enum { TP_NAME(ahead) = 32 };

TP_TARGET static size_t TP_NAME(refine)(const void *query, size_t width, const void *base,
                                        size_t stride, uint32_t *positions, uint16_t *partials,
                                        size_t count, unsigned bound) {
  const uint8_t *p = base;
  size_t kept = 0, first = 0;
  size_t ahead = TP_NAME(ahead);
  for (size_t i = 0; i < count && i < ahead; i++) {
    __builtin_prefetch(p + stride * positions[i]);
  }
#ifdef TP_OWN_REFINE32
  if (width == 32) {
    kept = TP_NAME(refine32)(query, p, stride, positions, partials, count, bound, &first);
  }
#endif
#define TP_REFINE(D)                                                                       \
  for (size_t i = first; i < count; i++) {                                                 \
    if (i + ahead < count) __builtin_prefetch(p + stride * positions[i + ahead]);          \
    uint32_t position = positions[i];                                                      \
    uint32_t sum = partials[i] + D(query, p + stride * (size_t)position);                  \
    positions[kept] = position;                                                            \
    partials[kept] = (uint16_t)sum;                                                        \
    kept += sum <= bound;                                                                  \
  }
  if (width == 16) {
    TP_REFINE(TP_NAME(d16))
  } else if (width == 32) {
    TP_REFINE(TP_NAME(d32))
  } else {
    TP_REFINE(TP_NAME(d64))
  }
#undef TP_REFINE
  return kept;
}

TP_TARGET static size_t TP_NAME(finish)(const void *query, const uint8_t **addresses,
                                        uint32_t *positions, uint16_t *partials, size_t count,
                                        unsigned bound64, unsigned bound, size_t *finishedCount) {
  const uint8_t *q = query;
  size_t begun = 0, kept = 0;
  enum { ahead = 16 };
  for (size_t i = 0; i < count && i < ahead; i++) {
    __builtin_prefetch(addresses[i]);
    __builtin_prefetch(addresses[i] + 63);
  }
  for (size_t i = 0; i < count; i++) {
    if (i + ahead < count) {
      __builtin_prefetch(addresses[i + ahead]);
      __builtin_prefetch(addresses[i + ahead] + 63);
    }
    const uint8_t *p = addresses[i];
    uint32_t sum = partials[i] + TP_NAME(d64)(q, p);
    if (sum > bound64) continue;
    // The rest is read in a second pass: by then it is on its way.
    for (int line = 128; line <= 448; line += 64) {
      __builtin_prefetch(p + (line < 448 ? line : 447));
    }
    positions[begun] = positions[i];
    addresses[begun] = p;
    partials[begun++] = (uint16_t)sum;
  }
  for (size_t i = 0; i < begun; i++) {
    uint32_t sum = partials[i] + TP_NAME(dn)(q + 64, addresses[i] + 64, 384);
    if (sum > bound) continue;
    positions[kept] = positions[i];
    addresses[kept] = addresses[i];
    partials[kept++] = (uint16_t)sum;
  }
  *finishedCount += begun;
  return kept;
}

TP_TARGET static size_t TP_NAME(scan_rows)(const void *query, const uint8_t *sketches,
                                           const uint8_t *seconds, const uint8_t *rests,
                                           size_t count, unsigned bound, uint32_t first,
                                           uint32_t *rows, uint16_t *distances) {
  const uint8_t *q = query;
  size_t found = 0;
  for (size_t i = 0; i < count; i++) {
    uint32_t d = TP_NAME(d32)(q, sketches + 32 * i) + TP_NAME(d32)(q + 32, seconds + 32 * i) +
                 TP_NAME(dn)(q + 64, rests + 448 * i, 448);
    if (d <= bound) {
      rows[found] = first + (uint32_t)i;
      distances[found++] = (uint16_t)d;
    }
  }
  return found;
}

static const tp_kernels TP_NAME(kernels) = {
    .distance = TP_NAME(distance),
    .scan16 = TP_NAME(scan16),
    .scan32 = TP_NAME(scan32),
    .scan64 = TP_NAME(scan64),
    .scan512 = TP_NAME(scan512),
    .scan_split = TP_NAME(scan_split),
    .select = TP_NAME(select),
    .select16 = TP_NAME(select16),
    .select_values = TP_NAME(select_values),
    .filter = TP_NAME(filter),
    .refine = TP_NAME(refine),
    .finish = TP_NAME(finish),
    .scan_rows = TP_NAME(scan_rows),
    .scan_rows_pair = TP_NAME(scan_rows_pair),
};
