/* Differential: the JSON pass against jansson, and against itself with guesses. */
#include <stddef.h>
#include <stdint.h>

#include "../model/oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* A copy of exactly that length, so that an overrun is seen. */
static void look_at(oracle *o, const uint8_t *bytes, size_t len)
{
    char *text = malloc(len ? len : 1);
    memcpy(text, bytes, len);
    oracle_agree(o, text, len);
    free(text);
}

/* Texts between record separators, each with what was learnt from those before. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    oracle o = oracle_open();
    const uint8_t *end;
    while ((end = memchr(bytes, 0x1e, len))) {
        look_at(&o, bytes, (size_t)(end - bytes));
        len -= (size_t)(end + 1 - bytes);
        bytes = end + 1;
    }
    look_at(&o, bytes, len);
    oracle_close(&o);
    return 0;
}
