/* Identifiers and bytes as text: KSUID, UUID, base64 and the header millrace.origin.  What is taken is what is written, byte for byte,
 * and what a naive reading says. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ksuid.h"
#include "base/must.h"
#include "stages/origin.h"
#include "stages/values.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* Long multiplication in bytes; false: no digit, or more than 160 bits. */
static bool naive_ksuid(const char *text, size_t len, unsigned char id[MR_KSUID_BYTES])
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    bool well = len == MR_KSUID_TEXT;
    memset(id, 0, MR_KSUID_BYTES);
    for (size_t i = 0; i < len && well; i++) {
        const char *digit = memchr(digits, text[i], 62);
        unsigned carry = digit ? (unsigned)(digit - digits) : 0;
        for (int at = MR_KSUID_BYTES - 1; at >= 0; at--) {
            carry += 62u * id[at];
            id[at] = (unsigned char)carry;
            carry >>= 8;
        }
        well = digit && carry == 0;
    }
    return well;
}

static void look_at_ksuid(const char *text, size_t len)
{
    unsigned char id[MR_KSUID_BYTES], naive[MR_KSUID_BYTES];
    char again[MR_KSUID_TEXT + 1];
    if (strlen(text) == len) {
        bool taken = mr_ksuid_parse(text, id);
        must(taken == naive_ksuid(text, len, naive));
        if (taken) {
            mr_ksuid_format(id, again);
            must(!memcmp(id, naive, sizeof id) && !strcmp(again, text));
        }
    }
    if (len >= MR_KSUID_BYTES) { /* any bytes are an identifier */
        memcpy(naive, text, sizeof naive);
        mr_ksuid_format(naive, again);
        must(mr_ksuid_parse(again, id) && !memcmp(id, naive, sizeof id));
        mr_ksuid_parts parts = mr_ksuid_take_apart(naive);
        mr_ksuid_make(id, parts.seconds ? parts.seconds * 1000 : -1, parts.source, parts.partition,
                      parts.offset);
        must(!memcmp(id, naive, sizeof id));
    }
}

static void look_at_uuid(const char *text, size_t len)
{
    unsigned char id[16];
    char again[37] = "", lower[37];
    if (mr_to_uuid(text, len, id) != MR_REASON_NONE) {
        int end = 0;
        must(len != 36 ||
             sscanf(text, "%8[0-9a-fA-F]-%4[0-9a-fA-F]-%4[0-9a-fA-F]-%4[0-9a-fA-F]-%12[0-9a-fA-F]%n", lower,
                    lower, lower, lower, lower, &end) != 5 ||
             end != 36);
        return;
    }
    must(len == 36);
    for (size_t i = 0, at = 0; i < 16; i++)
        at += (size_t)snprintf(again + at, sizeof again - at,
                               i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", id[i]);
    for (size_t i = 0; i <= 36; i++)
        lower[i] = text[i] >= 'A' && text[i] <= 'F' ? (char)(text[i] | 0x20) : text[i];
    must(!strcmp(lower, again));
}

/* Writes the bytes again by the book; `out` has room. */
static size_t put_base64(const unsigned char *bytes, size_t len, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t at = 0;
    for (size_t bit = 0; bit < len * 8; bit += 6) {
        unsigned value = 0;
        for (size_t i = bit; i < bit + 6; i++)
            value = value << 1 | (i < len * 8 && bytes[i / 8] >> (7 - i % 8) & 1);
        out[at++] = digits[value];
    }
    while (at % 4)
        out[at++] = '=';
    return at;
}

static void look_at_base64(const char *text, size_t len)
{
    size_t cap = len + 1, bytes_len = 0;
    unsigned char *bytes = malloc(cap);
    char *again = malloc(2 * cap + 4);
    if (mr_to_binary(text, len, bytes, cap, &bytes_len) == MR_REASON_NONE) {
        must(bytes_len <= cap && put_base64(bytes, bytes_len, again) == len && !memcmp(again, text, len));
        /* With one byte less of room it does not fit. */
        must(bytes_len == 0 ||
             mr_to_binary(text, len, bytes, bytes_len - 1, &bytes_len) == MR_REASON_TOO_LONG);
    }
    /* And these bytes as a value. */
    size_t written = put_base64((const unsigned char *)text, len, again);
    unsigned char *back = malloc(len + 1);
    must(mr_to_binary(again, written, back, len, &bytes_len) == MR_REASON_NONE);
    must(bytes_len == len && !memcmp(back, text, len));
    free(back);
    free(again);
    free(bytes);
}

static void look_at_origin(const char *text, size_t len)
{
    mr_origin origin;
    char again[400];
    mr_buf buf = mr_buf_over(again, sizeof again);
    if (mr_origin_parse(text, len, &origin)) {
        mr_origin_format(&origin, &buf);
        must(!buf.full && buf.len == len && memcmp(again, text, len) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char *text = malloc(len + 1);
    memcpy(text, bytes, len);
    text[len] = 0;
    look_at_ksuid(text, len);
    look_at_uuid(text, len);
    look_at_base64(text, len);
    look_at_origin(text, len);
    free(text);
    return 0;
}
