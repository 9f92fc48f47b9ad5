/* Escapes in strings: what is one, and what it stands for. */
#include <string.h>

#include "base/text.h"
#include "json_paths.h"

/* Four hex digits at `text`, negative when they are not. */
static int hex4(const char *text)
{
    /* One more than the digit's value; 0: not a digit. */
    static const unsigned char digit[256] = {
        ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
        ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
        ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16};
    const unsigned char *at = (const unsigned char *)text;
    int a = digit[at[0]] - 1, b = digit[at[1]] - 1, c = digit[at[2]] - 1, d = digit[at[3]] - 1;
    return (a | b | c | d) < 0 ? -1 : a << 12 | b << 8 | c << 4 | d;
}

const char mr_json_means[256] = {['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
                                 ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t'};

size_t mr_json_escape_len(const char *text, size_t len)
{
    if (len < 2)
        return 0;
    if (text[1] != 'u')
        return mr_json_means[(unsigned char)text[1]] ? 2 : 0;
    int unit = len >= 6 ? hex4(text + 2) : -1;
    if (unit < 0 || (unit >= 0xdc00 && unit <= 0xdfff))
        return 0;
    if (unit < 0xd800 || unit > 0xdbff)
        return 6;
    int low = len >= 12 && text[6] == '\\' && text[7] == 'u' ? hex4(text + 8) : -1;
    return low < 0xdc00 || low > 0xdfff ? 0 : 12;
}

static size_t put_utf8(uint32_t c, char *out)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

size_t mr_json_unescape_one(const char *text, char *out, size_t *written)
{
    if (text[1] == 'u') {
        uint32_t c = (uint32_t)hex4(text + 2);
        bool pair = c >= 0xd800 && c <= 0xdbff;
        if (pair)
            c = 0x10000 + ((c - 0xd800) << 10) + ((uint32_t)hex4(text + 8) - 0xdc00);
        *written = put_utf8(c, out);
        return pair ? 12 : 6;
    }
    out[0] = mr_json_means[(unsigned char)text[1]];
    *written = 1;
    return 2;
}

size_t mr_json_unescape(const char *text, size_t len, char *out)
{
    size_t written = 0;
    for (size_t i = 0; i < len;) {
        if (text[i] != '\\') {
            out[written++] = text[i++];
            continue;
        }
        size_t bytes;
        i += mr_json_unescape_one(text + i, out + written, &bytes);
        written += bytes;
    }
    return written;
}
