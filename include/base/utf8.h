/* utf8.h: how far a long text is well-formed UTF-8 (RFC 3629).
 *
 * Reads text[from .. len), `from` at the beginning of a character.  Returns the first beginning of a character at or after `until`; or the place
 * of the first character that is not well-formed, which is then before `until`.  A character that begins before `until` is read to its end.
 *
 * Pure functions, any thread; linear.  The versions return the same (tests/unit/test_marks.c).
 */
#ifndef MR_BASE_UTF8_H
#define MR_BASE_UTF8_H

#include <stddef.h>

typedef size_t mr_utf8_fn(const char *text, size_t len, size_t from, size_t until);

mr_utf8_fn mr_utf8_reach_scalar;
#if defined(__x86_64__)
mr_utf8_fn mr_utf8_reach_avx2, mr_utf8_reach_vbmi; /* only where mr_cpu_avx2(), mr_cpu_vbmi() */
#endif

mr_utf8_fn *mr_utf8_choose(void); /* the fastest that this processor has */

#endif
