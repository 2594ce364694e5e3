// Kernels for Hamming search over codes of 4096 bits. Every function is pure, allocates nothing
// and may be called from any thread. Pointers need no alignment unless said otherwise.
#ifndef CHAMMING_H
#define CHAMMING_H

#include <stddef.h>
#include <stdint.h>

// ---- Which instructions are used -----------------------------------------------------------

enum {
  TP_LEVEL_PORTABLE = 0,  // any machine
  TP_LEVEL_POPCNT = 1,    // x86-64 with POPCNT
  TP_LEVEL_AVX2 = 2,      // x86-64 with AVX2
  TP_LEVEL_AVX512 = 3,    // x86-64 with AVX-512 F, BW, VL, DQ, VBMI2 and VPOPCNTDQ, and BMI2
  TP_LEVEL_NEON = 4,      // 64-bit ARM
  TP_LEVEL_COUNT = 5
};

// Whether this machine runs a level.
int tp_level_available(int level);
// "portable", "popcnt", "avx2", "avx512-vpopcntdq", "neon"; NULL for no level.
const char *tp_level_name(int level);
// The level in use: the best available one, unless the environment variable THUMBPRINT_KERNELS
// names another at start or tp_level_force chose one.
int tp_level_current(void);
// Uses `level` from now on, in all threads; returns 0 (and changes nothing) if it is not
// available. For tests and comparisons.
int tp_level_force(int level);

// ---- Distances -----------------------------------------------------------------------------

// The number of bits in which two runs of `byteCount` bytes differ.
uint32_t tp_distance(const void *a, const void *b, size_t byteCount);

// distances[i] = distance of the 16 bytes at `query` to the i-th 16 bytes of `codes`.
void tp_scan16(const void *query, const void *codes, size_t count, uint8_t *distances);
// The same for 32 bytes; a distance of 256 is given as 255.
void tp_scan32(const void *query, const void *codes, size_t count, uint8_t *distances);

// The same for 64 bytes.
void tp_scan64(const void *query, const void *codes, size_t count, uint16_t *distances);

// Distances to whole codes of 512 bytes that lie one after another.
void tp_scan512(const void *query, const void *codes, size_t count, uint16_t *distances);

// Distances over 64 bytes that are kept in two columns of 32.
void tp_scan_split(const void *query, const void *sketches, const void *seconds, size_t count,
                   uint16_t *distances);

// The index of the smallest of `count` values (at least one), the first of equals.
size_t tp_smallest(const uint16_t *values, size_t count);

// Sorts candidates by partial distance (at most 512), stably. `scratch` has room for `count`
// positions and as many partials.
void tp_order(uint32_t *positions, uint16_t *partials, size_t count, uint32_t *positionScratch,
              uint16_t *partialScratch);

// Appends `first + i` to `out` for every i < count with values[i] <= bound; returns how many.
size_t tp_select(const uint8_t *values, size_t count, unsigned bound, uint32_t first,
                 uint32_t *out);

// The same in 16 bits (first + count is at most 65,536), and appends the values themselves to
// `kept`.
size_t tp_select_values(const uint8_t *values, size_t count, unsigned bound, unsigned first,
                        uint16_t *out, uint8_t *kept);

// Appends first + rows[i] to `positions` and values[i] to `partials` for every i < count with
// values[i] <= bound; returns how many. Both have room for `count` entries.
size_t tp_filter(const uint16_t *rows, const uint8_t *values, size_t count, unsigned bound,
                 uint32_t first, uint32_t *positions, uint16_t *partials);

// As tp_select, for 16-bit values.
size_t tp_select16(const uint16_t *values, size_t count, unsigned bound, uint32_t first,
                   uint32_t *out);

// Narrows a list of candidates: candidate c, the bits of which read so far differ in
// partials[c], gets the distance of `width` more bytes (16, 32 or 64) at base + stride *
// positions[c] added, and stays, in order, if the sum is at most `bound`. Returns how many stay.
size_t tp_refine(const void *query, size_t width, const void *base, size_t stride,
                 uint32_t *positions, uint16_t *partials, size_t count, unsigned bound);

// Finishes candidates whose last 448 bytes are at addresses[c]: adds the first 64 bytes, drops
// the candidate if the sum exceeds `bound64`, adds the other 384, drops it if the sum exceeds
// `bound`. Keeps positions, partials and addresses in step. Returns how many stay;
// `*finishedCount` is raised by the number of those read to the end.
size_t tp_finish(const void *query, const uint8_t **addresses, uint32_t *positions,
                 uint16_t *partials, size_t count, unsigned bound64, unsigned bound,
                 size_t *finishedCount);

// Compares the 512 bytes at `query` with `count` rows cut into columns of 32, 32 and 448 bytes.
// Writes row number (from `first`) and distance of every row at a distance of at most `bound`;
// `rows` and `distances` hold `count` entries. Returns how many were written.
size_t tp_scan_rows(const void *query, const void *sketches, const void *seconds,
                    const void *rests, size_t count, unsigned bound, uint32_t first,
                    uint32_t *rows, uint16_t *distances);

// The same for two queries at once, which share the loads; out has 2 * count entries a list:
// those of the second query begin at `count`. hitCounts[0] and [1] say how many were written.
void tp_scan_rows_pair(const void *query0, const void *query1, const void *sketches,
                       const void *seconds, const void *rests, size_t count,
                       const unsigned bounds[2], uint32_t first, uint32_t *rows,
                       uint16_t *distances, size_t hitCounts[2]);

// ---- Permutation of bits -------------------------------------------------------------------

// Bit p of target (bit p % 8 of byte p / 8, 0 the lowest) = bit order[p] of the code, counted the
// same way; p in 0..<4096.
void tp_permute(const void *code, const uint16_t *order, void *target);
/// The same for 64 codes of 512 bytes, one after another; several times faster a code.
void tp_permute_64(const void *codes, const uint16_t *order, void *targets);

// ---- Hash tables: posting lists of row numbers ----------------------------------------------

// One table: the postings of bucket b are postings[directory[b]..<directory[b + 1]].
typedef struct {
  const uint32_t *directory;  // aligned; monotone, last entry <= number of postings
  const void *postings;       // uint32_t each, any alignment
} tp_table;

// The bucket of a code in table j whose keys have `keyBits` bits (1...24): bits
// j * keyBits ..< (j + 1) * keyBits of the permuted code, counted from the highest of byte 0.
// Reads up to 4 bytes from byte j * keyBits / 8 on.
uint32_t tp_bucket(const void *permuted, size_t table, unsigned keyBits);

// Looks up `buckets[j]` in each of the tables and returns the sum of the list lengths; begins to
// fetch the lists. `starts` and `lengths` get one entry a table.
size_t tp_lookup(const tp_table *tables, const uint32_t *buckets, size_t tableCount,
                 uint32_t *starts, uint32_t *lengths);

// Words of the `seen` bit map of tp_collect: 65,536 bits, all zero before the first call for a
// query; it is for the caller to clear it.
enum { TP_SEEN_WORDS = 1024 };

// Streams posting lists. A row met for the first time goes to `firsts`, one that was met before
// (or, rarely, shares its place in the bit map with another) to `repeats`; so a row that was met
// c times is in `repeats` at least c - 1 times. Row numbers from `rowCount` on are passed over.
// Both lists must have room for all postings.
void tp_collect(const tp_table *tables, const uint32_t *starts, const uint32_t *lengths,
                size_t tableCount, uint32_t rowCount, uint64_t *seen, uint32_t *firsts,
                size_t *firstCount, uint32_t *repeats, size_t *repeatCount);

// Counts how often each row is in `rows`, in a hash table of `size` slots (a power of two, at least
// 2 * count; keys and counts are set up here). Writes to `out` every row met at least `minimum`
// times (1...127), once, and returns how many; `out` has room for `count`.
size_t tp_tally(const uint32_t *rows, size_t count, unsigned minimum, uint32_t *keys,
                uint8_t *counts, size_t size, uint32_t *out);

// Appends to `firsts` the rows of a tally made with minimum 1 that are not in it yet.
size_t tp_join(uint32_t *firsts, size_t firstCount, const uint32_t *keys, uint8_t *counts,
               size_t size);

// Counts votes instead, one byte a row: writes to `out` every row the count of which reaches
// `voteCount` (1...254), once. `votes` has `rowCount` zero bytes, and has again on return.
// `out` must have room for all postings and one more. Returns how many rows were written.
size_t tp_vote(const tp_table *tables, const uint32_t *starts, const uint32_t *lengths,
               size_t tableCount, uint32_t rowCount, unsigned voteCount, uint8_t *votes,
               uint32_t *out);

// The buckets of `count` tables from table `first` on, of the permuted code at `permuted`, of which
// only the bytes that hold their bits (and up to 3 more) are read. Written `stride` entries apart.
void tp_buckets(const void *permuted, size_t first, size_t count, unsigned keyBits,
                uint32_t *buckets, size_t stride);

// Whether values never descend.
int tp_ascending(const uint32_t *values, size_t count);

// Sorts rows 0..<rowCount into posting lists by bucket, in ascending order inside a list: the
// directory gets bucketCount + 1 entries, the postings one for every row the bucket of which is
// below bucketCount. `cursors` is scratch for bucketCount entries.
void tp_sort_postings(const uint32_t *buckets, size_t rowCount, size_t bucketCount,
                      uint32_t *directory, uint32_t *postings, uint32_t *cursors);

#endif
