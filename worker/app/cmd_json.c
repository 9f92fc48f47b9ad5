/* What commands print as JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/command.h"
#include "base/heap.h"
#include "base/text.h"

static void print(json_t *value, size_t how)
{
    json_dumpf(value, stdout, how);
    putchar('\n');
    json_decref(value);
}

void mr_print_json(json_t *document)
{
    print(document, JSON_INDENT(2));
}

void mr_print_json_line(json_t *object)
{
    print(object, JSON_COMPACT);
}

void mr_json_put_bytes(json_t *object, const char *name, const char *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    if (!bytes || mr_utf8_valid(bytes, len)) {
        json_object_set_new(object, name, bytes ? json_stringn(bytes, len) : json_null());
        return;
    }
    char other[32], *hex = mr_heap_grow(NULL, 2 * len);
    for (size_t i = 0; i < len; i++) {
        hex[2 * i] = digits[(unsigned char)bytes[i] >> 4];
        hex[2 * i + 1] = digits[bytes[i] & 15];
    }
    snprintf(other, sizeof other, "%s_hex", name);
    json_object_set_new(object, other, json_stringn(hex, 2 * len));
    free(hex);
}
