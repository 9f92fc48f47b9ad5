#include "base/text.h"

size_t mr_utf8_char(const char *text, size_t len)
{
    const unsigned char *at = (const unsigned char *)text;
    unsigned char c = at[0];
    if (c < 0x80)
        return 1;
    size_t bytes = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    if (c < 0xc2 || c > 0xf4 || len < bytes)
        return 0;
    /* The second byte's range excludes overlong forms, surrogates and what is beyond U+10FFFF. */
    unsigned char least = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    unsigned char most = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    if (at[1] < least || at[1] > most)
        return 0;
    for (size_t i = 2; i < bytes; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    return bytes;
}

bool mr_utf8_valid(const char *text, size_t len)
{
    for (size_t i = 0, bytes; i < len; i += bytes)
        if ((bytes = mr_utf8_char(text + i, len - i)) == 0)
            return false;
    return true;
}

size_t mr_control_char(const char *text, size_t len)
{
    const unsigned char *at = (const unsigned char *)text;
    if (at[0] < 0x20 || at[0] == 0x7f)
        return 1;
    return len > 1 && at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0 ? 2 : 0;
}

int mr_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}
