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

size_t mr_utf8_count(const char *text, size_t len)
{
    size_t count = 0;
    for (size_t i = 0; i < len; i++)
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

size_t mr_control_char(const char *text, size_t len)
{
    const unsigned char *at = (const unsigned char *)text;
    if (at[0] < 0x20 || at[0] == 0x7f)
        return 1;
    return len > 1 && at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0 ? 2 : 0;
}

void mr_text_tame(char *text, size_t len, char spare)
{
    for (size_t i = 0; i < len; i++)
        if (!spare || text[i] != spare)
            memset(text + i, '?', mr_control_char(text + i, len - i));
}

void mr_text_put_tame(const char *text, FILE *out)
{
    for (; *text; text++) {
        size_t control = mr_control_char(text, 2); /* with the zero behind there are two bytes */
        fputc(control ? '?' : *text, out);
        text += control == 2;
    }
}

int mr_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool mr_read_digits(const char *text, size_t len, int64_t most, int64_t *number)
{
    *number = 0;
    for (size_t i = 0; i < len; i++) {
        int digit = text[i] - '0';
        if (digit < 0 || digit > 9 || *number > most / 10 || *number * 10 > most - digit)
            return false;
        *number = *number * 10 + digit;
    }
    return len > 0;
}
