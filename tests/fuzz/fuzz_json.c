/* Differential: the JSON pass against jansson. */
#include <stddef.h>
#include <stdint.h>

#include "../model/oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    /* A copy of exactly that length, so that an overrun is seen. */
    char *text = malloc(len ? len : 1);
    memcpy(text, bytes, len);
    oracle_agree(text, len);
    free(text);
    return 0;
}
