/* text.h: characters and digits: UTF-8 (RFC 3629), what a terminal would obey, numbers as they are typed.
 *
 * Pure functions, but for the one that prints; any thread.  Time: linear in the text.
 */
#ifndef MR_BASE_TEXT_H
#define MR_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Four and eight bytes, the first one lowest. */
static inline uint32_t mr_load32(const char *bytes)
{
    uint32_t word;
    memcpy(&word, bytes, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap32(word);
#endif
    return word;
}

static inline uint64_t mr_load64(const char *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

static inline void mr_store64(char *bytes, uint64_t word)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    memcpy(bytes, &word, sizeof word);
}

/* One to eight bytes, zeros above them; what lies beyond them is not touched. */
static inline uint64_t mr_load_few(const char *bytes, size_t len)
{
    if (len >= 4)
        return mr_load32(bytes) | (uint64_t)mr_load32(bytes + len - 4) << 8 * (len - 4);
    /* The first, the middle and the last one, which may be the same. */
    return (uint64_t)(unsigned char)bytes[0] | (uint64_t)(unsigned char)bytes[len / 2] << 8 * (len / 2) |
           (uint64_t)(unsigned char)bytes[len - 1] << 8 * (len - 1);
}

/* Bytes of the well-formed UTF-8 character at `text` (len > 0), 0 when it is not one. */
size_t mr_utf8_char(const char *text, size_t len);
bool mr_utf8_valid(const char *text, size_t len);
/* Characters of a text that is well-formed. */
size_t mr_utf8_count(const char *text, size_t len);

/* Bytes of the control character at `text` (len > 0), which a terminal would obey: 1 below U+0020 and for U+007F, 2 for U+0080 to
 * U+009F; 0 when it is none. */
size_t mr_control_char(const char *text, size_t len);
/* Puts a ? for each byte of such a character, in place; but `spare` (0: none) is left alone. */
void mr_text_tame(char *text, size_t len, char spare);
/* Prints the text with a ? for each such character. */
void mr_text_put_tame(const char *text, FILE *out);

/* 0 to 15, negative when it is no hex digit. */
int mr_hex_digit(char c);

/* Decimal digits and nothing else, a number up to `most`; false when it is anything else.  Leading zeros are taken. */
bool mr_read_digits(const char *text, size_t len, int64_t most, int64_t *number);

#endif
