/* decode_simdjson.h: simdjson's on-demand parser as a yardstick for bench_decode; in a build without the library it is not there.
 *
 * One thread; a parser made at the first call is kept.  It merely finds: names in the order of the document, the value of each as it stands,
 * nothing unescaped, converted or stored, and what is skipped is not checked.
 */
#ifndef MR_BENCH_DECODE_SIMDJSON_H
#define MR_BENCH_DECODE_SIMDJSON_H

#include <stddef.h>

#define SIMDJSON_PADDED 64 /* bytes that have to be readable after the text */

#ifdef __cplusplus
extern "C" {
#endif

/* A name at the top; inner: a name in that object, which is looked for first; the object's own text is wanted as well. */
typedef struct bench_find {
    const char *name, *inner;
} bench_find;

/* Returns the sum of the lengths of what was found, 0 when something was not. */
size_t bench_simdjson_find(const char *text, size_t len, const bench_find *find, size_t count);
/* Which of its implementations this processor gets. */
const char *bench_simdjson_name(void);

#ifdef __cplusplus
}
#endif

#endif
