/* sql_record.h: an event as a record, for the programs that try the SQL edge. */
#ifndef MR_TESTS_SQL_RECORD_H
#define MR_TESTS_SQL_RECORD_H

#include <string.h>

#include "stages/decode.h"

/* The event has to fit. */
static inline void store(mr_decoder *decoder, unsigned char *record, int64_t offset, const char *event)
{
    uint64_t hash;
    uint32_t bytes;
    mr_refusal refusal;
    mr_event about = {.value = event,
                      .value_len = strlen(event),
                      .key = "k",
                      .key_len = 1,
                      .topic = "t",
                      .offset = offset,
                      .timestamp_ms = 1700000000000};
    assert_int_equal(mr_decode_scan(decoder, &about, &hash, &refusal), MR_REASON_NONE);
    assert_int_equal(mr_decode_store(decoder, &about, record, &bytes, &refusal), MR_REASON_NONE);
}

#endif
