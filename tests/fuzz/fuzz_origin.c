/* The header millrace.origin from anywhere: never a crash, and what is taken is what we write, byte for byte. */
#include <stdint.h>
#include <string.h>

#include "base/must.h"
#include "stages/origin.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mr_origin origin;
    if (mr_origin_parse((const char *)data, size, &origin)) {
        char again[400];
        mr_buf buf = mr_buf_over(again, sizeof again);
        mr_origin_format(&origin, &buf);
        must(!buf.full && buf.len == size && memcmp(again, data, size) == 0);
    }
    return 0;
}
