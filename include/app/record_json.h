/* record_json.h: a record as JSON, for `millrace decode`: 64-bit integers and decimals as strings of digits, binary as base64, times as ISO 8601.
 * Uses the heap (jansson); commands only. */
#ifndef MR_APP_RECORD_JSON_H
#define MR_APP_RECORD_JSON_H

#include "data/record.h"
#include "stages/config.h"
#include <jansson.h>

/* {column: value}, without the KSUID; the caller's to free. */
json_t *mr_record_json(const mr_stream *stream, const mr_layout *layout, unsigned char *record);

#endif
