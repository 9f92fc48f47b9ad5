/* Datetimes, decimals and the other converters on any bytes that the callers may hand them. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/ksuid.h"
#include "base/must.h"
#include "stages/values.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void look_at_decimal(const char *text, size_t len)
{
    char out[MR_DECIMAL_TEXT], again[MR_DECIMAL_TEXT];
    size_t out_len, again_len;
    if (mr_to_decimal(text, len, 38, 10, out, &out_len))
        return;
    /* What it made is a number of its own kind, and the same again. */
    must(mr_is_number(out, out_len));
    must(!mr_to_decimal(out, out_len, 38, 10, again, &again_len));
    must(out_len == again_len && !memcmp(out, again, out_len));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char *text = malloc(len + 1);
    mr_time time;
    int64_t number;
    uint64_t large;
    double real;
    unsigned char binary[64], id[MR_KSUID_BYTES];
    size_t binary_len;
    memcpy(text, bytes, len);
    text[len] = 0;
    if (mr_is_number(text, len)) {
        look_at_decimal(text, len);
        if (!mr_to_int64(text, len, INT64_MIN, INT64_MAX, &number) &&
            !mr_to_uint64(text, len, UINT64_MAX, &large))
            must((uint64_t)number == large);
        must(mr_to_double(text, len, &real) != MR_REASON_NONE || real == real);
        for (mr_unit unit = MR_UNIT_S; unit <= MR_UNIT_NS; unit++)
            if (!mr_epoch_to_datetime(text, len, unit, true, &time))
                must(time.year >= 1000 && time.year <= 9999 && time.month - 1 < 12 &&
                     time.second_part < 1000000);
    }
    int32_t zone = 90;
    if (!mr_to_datetime(text, len, &zone, true, &time))
        must(time.year >= 1000 && time.year <= 9999 && time.hour < 24 && time.minute < 60 &&
             time.second < 60);
    mr_to_date(text, len, &time);
    mr_to_time(text, len, false, &time);
    mr_to_uuid(text, len, binary);
    if (!mr_to_binary(text, len, binary, sizeof binary, &binary_len))
        must(binary_len <= sizeof binary);
    if (mr_ksuid_parse(text, id)) {
        char ksuid[MR_KSUID_TEXT + 1];
        mr_ksuid_format(id, ksuid);
        must(!strcmp(ksuid, text));
    }
    free(text);
    return 0;
}
