/* values.h: texts of values to the forms in which a record holds them; nothing is rounded, cut or coerced.
 *
 * Pure functions over a text and its length; each returns MR_REASON_NONE, or why the value does not fit.  No locale, no allocation.
 */
#ifndef MR_STAGES_VALUES_H
#define MR_STAGES_VALUES_H

#include "data/record.h"
#include "stages/config.h"
#include "stages/reason.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Is this a number by JSON's grammar? (For numbers that come in strings.) */
bool mr_is_number(const char *text, size_t len);

/* Numbers by JSON's grammar.  1.0 and 1e3 are integers; a fraction is too_precise. */
mr_reason mr_to_int64(const char *text, size_t len, int64_t least, int64_t most, int64_t *out);
mr_reason mr_to_uint64(const char *text, size_t len, uint64_t most, uint64_t *out);
/* Correctly rounded, as every double is; beyond its range out_of_range. */
mr_reason mr_to_double(const char *text, size_t len, double *out);

#define MR_DECIMAL_TEXT 70 /* sign, 65 digits, point, a zero before it */
/* Digits as text, such as -12.30: at most `scale` after the point, further zeros are dropped. */
mr_reason mr_to_decimal(const char *text, size_t len, uint32_t precision, uint32_t scale,
                        char out[MR_DECIMAL_TEXT], size_t *out_len);

/* ISO 8601: 2026-01-31T12:00:00.123456Z, with Z or +hh:mm; assume: minutes east of UTC for texts without, NULL: refuse them.
 * In UTC; years 1000 to 9999. */
mr_reason mr_to_datetime(const char *text, size_t len, const int32_t *assume_min, bool truncate,
                         mr_time *out);
/* A number since 1970, which may be negative and have a fraction. */
mr_reason mr_epoch_to_datetime(const char *text, size_t len, mr_unit unit, bool truncate, mr_time *out);
/* Of a datetime: milliseconds since 1970, what is left of one is cut. */
int64_t mr_time_ms(const mr_time *time);
mr_reason mr_to_date(const char *text, size_t len, mr_time *out);                /* 2026-01-31 */
mr_reason mr_to_time(const char *text, size_t len, bool truncate, mr_time *out); /* 12:00:00.123456 */

mr_reason mr_to_uuid(const char *text, size_t len, unsigned char out[16]);
/* Base64 with padding; at most cap bytes, else too_long. */
mr_reason mr_to_binary(const char *text, size_t len, unsigned char *out, size_t cap, size_t *out_len);

#endif
