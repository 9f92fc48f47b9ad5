/* marks.h: the bytes of a JSON text at which a run of plain characters in a string may end, as bits.
 *
 * A mark is a quote, a backslash or a control character.  Bit i of marks[b] is byte 64 b + i; bits beyond the text are zero.  A window of
 * MR_MARKS_WINDOW bytes is marked at a time, so the marks fit the stack and the nearest cache.  In the result bit b says whether block b may have
 * a byte from 0x80 on: only those are looked at for UTF-8 (the last one takes the one before it into account).
 *
 * The idea, one branch-free look at all bytes before any is decided on, is that of simdjson's first stage (G. Langdale, D. Lemire, "Parsing
 * Gigabytes of JSON per Second", 2019); what is in a string and what is not is left to the pass (json.h), which checks the grammar anyway.
 *
 * Pure functions, any thread.  len: 1 to MR_MARKS_WINDOW.  The versions return the same (tests/unit/test_marks.c).
 */
#ifndef MR_STAGES_MARKS_H
#define MR_STAGES_MARKS_H

#include <stddef.h>
#include <stdint.h>

#define MR_MARKS_WORDS  64
#define MR_MARKS_WINDOW (64 * MR_MARKS_WORDS)

typedef uint64_t mr_marks_fn(const char *text, size_t len, uint64_t marks[MR_MARKS_WORDS]);

mr_marks_fn mr_marks_scalar;
mr_marks_fn mr_marks_base; /* what the architecture always has: SSE2, NEON, or the scalar one */
#if defined(__x86_64__)
mr_marks_fn mr_marks_avx2;   /* only where mr_cpu_avx2() */
mr_marks_fn mr_marks_avx512; /* only where mr_cpu_vbmi() */
#endif

mr_marks_fn *mr_marks_choose(void); /* the fastest that this processor has */

/* Takes the marks of escapes away, from the backslash at `from`, which escapes, to the end: those of backslashes that escape and of what is escaped.  At
 * escapes that are wrong, or go beyond the end, they are as they were, and there may be others of which they are.  What is no string has no backslashes,
 * or the pass does not come so far. */
typedef void mr_escapes_fn(const char *text, size_t len, size_t from, uint64_t marks[MR_MARKS_WORDS]);

mr_escapes_fn mr_escapes_scalar, mr_escapes_base;
#if defined(__x86_64__)
mr_escapes_fn mr_escapes_avx2, mr_escapes_vbmi; /* only where mr_cpu_avx2(), mr_cpu_vbmi() */
#endif

mr_escapes_fn *mr_escapes_choose(void);

#define MR_MARKS_SPARE 64 /* places behind the last one of a list, which may be written, too */

/* Lists where the marks are, from `from` to before `until`; returns how many there are. */
typedef uint32_t mr_list_fn(const uint64_t marks[MR_MARKS_WORDS], uint32_t from, uint32_t until,
                            uint16_t *list);

mr_list_fn mr_list_base;
#if defined(__x86_64__)
mr_list_fn mr_list_vbmi2; /* only where mr_cpu_vbmi() */
#endif

mr_list_fn *mr_list_choose(void);

/* Both at once: the marks, and a list of *count places, of a text of at most MR_MARKS_WINDOW bytes. */
typedef uint64_t mr_marks_listed_fn(const char *text, size_t len, uint64_t marks[MR_MARKS_WORDS],
                                    uint16_t *list, uint32_t *count);

mr_marks_listed_fn mr_marks_listed_base;
#if defined(__x86_64__)
mr_marks_listed_fn mr_marks_listed_vbmi2; /* only where mr_cpu_vbmi() */
#endif

mr_marks_listed_fn *mr_marks_listed_choose(void);

#endif
