/* Numbers, uuid, base64. */
#include "stages/values.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define DIGITS_MAX      96   /* more than any column keeps */
#define DOUBLE_TEXT_MAX 1200 /* enough digits to decide every rounding */

/* A number's significant digits: value = 0.d1 d2 d3 ... x 10^point. */
typedef struct digits {
    bool negative;
    bool more; /* significant digits beyond those kept */
    uint32_t count;
    int64_t point;
    char digit[DIGITS_MAX];
} digits;

/* The exponent after e; saturates, for a text may be as long as it likes. */
static int64_t read_exponent(const char *at, const char *end)
{
    bool negative = *at == '-';
    int64_t value = 0;
    if (*at == '-' || *at == '+')
        at++;
    for (; at < end; at++)
        if (value < 1000000000)
            value = value * 10 + (*at - '0');
    return negative ? -value : value;
}

static void read_digits(const char *text, size_t len, digits *out)
{
    const char *at = text, *end = text + len;
    int64_t before = 0; /* digits before the point, from the first significant one on */
    bool point = false;
    uint32_t zeros = 0; /* kept back, in case they are trailing */
    out->negative = at < end && *at == '-';
    out->more = false;
    out->count = 0;
    if (out->negative)
        at++;
    for (; at < end && (*at | 0x20) != 'e'; at++) {
        if (*at == '.') {
            point = true;
            continue;
        }
        bool significant = out->count > 0 || zeros > 0 || *at != '0';
        if (!point && significant)
            before++;
        if (point && !significant)
            before--;
        if (!significant)
            continue;
        if (*at == '0') {
            zeros++;
            continue;
        }
        for (; zeros > 0 && out->count < DIGITS_MAX; zeros--)
            out->digit[out->count++] = '0';
        if (out->count < DIGITS_MAX && zeros == 0)
            out->digit[out->count++] = *at;
        else
            out->more = true;
        zeros = 0;
    }
    out->point = before + (at < end ? read_exponent(at + 1, end) : 0);
    if (out->count == 0)
        out->point = 0;
}

bool mr_is_number(const char *text, size_t len)
{
    size_t i = 0, from;
    if (i < len && text[i] == '-')
        i++;
    for (from = i; i < len && text[i] >= '0' && text[i] <= '9'; i++)
        ;
    if (i == from || (text[from] == '0' && i - from > 1))
        return false;
    if (i < len && text[i] == '.') {
        for (from = ++i; i < len && text[i] >= '0' && text[i] <= '9'; i++)
            ;
        if (i == from)
            return false;
    }
    if (i < len && (text[i] | 0x20) == 'e') {
        i++;
        if (i < len && (text[i] == '+' || text[i] == '-'))
            i++;
        for (from = i; i < len && text[i] >= '0' && text[i] <= '9'; i++)
            ;
        if (i == from)
            return false;
    }
    return i == len;
}

/* An integer in any of JSON's forms: 1.0, 1e3, or more than 19 digits.  It and its likes below are kept apart, for what clearing their buffers
 * costs. */
__attribute__((noinline)) static mr_reason read_general(const char *text, size_t len, uint64_t *magnitude)
{
    digits number;
    uint64_t value = 0;
    read_digits(text, len, &number);
    *magnitude = 0;
    if (number.count == 0)
        return MR_REASON_NONE;
    if (number.more || (int64_t)number.count > number.point)
        return MR_REASON_TOO_PRECISE;
    if (number.point > 20)
        return MR_REASON_OUT_OF_RANGE;
    for (int64_t d = 0; d < number.point; d++) {
        unsigned digit = d < (int64_t)number.count ? (unsigned)(number.digit[d] - '0') : 0;
        if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
            __builtin_add_overflow(value, digit, &value))
            return MR_REASON_OUT_OF_RANGE;
    }
    *magnitude = value;
    return MR_REASON_NONE;
}

/* The magnitude of an integer; most of them are plain digits. */
static mr_reason read_magnitude(const char *text, size_t len, bool *negative, uint64_t *magnitude)
{
    size_t i = len > 0 && text[0] == '-';
    uint64_t value = 0;
    *negative = i == 1;
    if (len - i <= 19) {
        for (; i < len && text[i] >= '0' && text[i] <= '9'; i++)
            value = value * 10 + (uint64_t)(text[i] - '0');
        if (i == len) {
            *magnitude = value;
            return MR_REASON_NONE;
        }
    }
    return read_general(text, len, magnitude);
}

mr_reason mr_to_int64(const char *text, size_t len, int64_t least, int64_t most, int64_t *out)
{
    bool negative;
    uint64_t magnitude;
    mr_reason reason = read_magnitude(text, len, &negative, &magnitude);
    if (reason)
        return reason;
    uint64_t limit = negative ? (uint64_t)0 - (uint64_t)least : (uint64_t)most;
    if (magnitude > limit)
        return MR_REASON_OUT_OF_RANGE;
    *out = negative ? (int64_t)((uint64_t)0 - magnitude) : (int64_t)magnitude;
    return MR_REASON_NONE;
}

mr_reason mr_to_uint64(const char *text, size_t len, uint64_t most, uint64_t *out)
{
    bool negative;
    mr_reason reason = read_magnitude(text, len, &negative, out);
    if (reason)
        return reason;
    return *out > (negative ? 0 : most) ? MR_REASON_OUT_OF_RANGE : MR_REASON_NONE;
}

__attribute__((noinline)) static mr_reason slow_double(const char *text, size_t len, double *out)
{
    char copy[DOUBLE_TEXT_MAX];
    if (len >= sizeof copy)
        return MR_REASON_TOO_PRECISE;
    memcpy(copy, text, len);
    copy[len] = 0;
    *out = strtod(copy, NULL); /* the program never leaves the C locale */
    return isfinite(*out) ? MR_REASON_NONE : MR_REASON_OUT_OF_RANGE;
}

/* Both factors are exact, so the one operation rounds correctly (W. D. Clinger, "How to Read Floating Point Numbers Accurately", 1990). */
static double scaled(bool negative, uint64_t mantissa, int64_t scale)
{
    static const double tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                  1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    double value = scale < 0 ? (double)mantissa / tens[-scale] : (double)mantissa * tens[scale];
    return negative ? -value : value;
}

/* The usual form: at most 15 digits, perhaps with a point among them, no exponent. */
static bool short_double(const char *text, size_t len, double *out)
{
    size_t i = len > 0 && text[0] == '-';
    uint64_t mantissa = 0;
    bool negative = i == 1;
    size_t point = len;
    if (len - i > 16)
        return false;
    for (; i < len; i++) {
        unsigned digit = (unsigned char)(text[i] - '0');
        if (digit < 10)
            mantissa = mantissa * 10 + digit;
        else if (text[i] == '.')
            point = i + 1;
        else
            return false;
    }
    if (mantissa >= UINT64_C(1000000000000000))
        return false;
    *out = scaled(negative, mantissa, (int64_t)point - (int64_t)len);
    return true;
}

__attribute__((noinline)) static mr_reason long_double(const char *text, size_t len, double *out)
{
    digits number;
    read_digits(text, len, &number);
    int64_t scale = number.point - (int64_t)number.count;
    if (!number.more && number.count <= 15 && scale >= -22 && scale <= 22) {
        uint64_t mantissa = 0;
        for (uint32_t i = 0; i < number.count; i++)
            mantissa = mantissa * 10 + (uint64_t)(number.digit[i] - '0');
        *out = scaled(number.negative, mantissa, scale);
        return MR_REASON_NONE;
    }
    return slow_double(text, len, out);
}

mr_reason mr_to_double(const char *text, size_t len, double *out)
{
    return short_double(text, len, out) ? MR_REASON_NONE : long_double(text, len, out);
}

/* The usual form, without an exponent: the text itself, without a fraction's last zeros.  false: it is of another form. */
static bool plain_decimal(const char *text, size_t len, uint32_t precision, uint32_t scale, char *out,
                          size_t *out_len, mr_reason *reason)
{
    size_t sign = text[0] == '-', whole = sign, end = len;
    while (whole < len && (unsigned char)(text[whole] - '0') < 10)
        whole++;
    if (whole < len) {
        if (text[whole] != '.')
            return false;
        for (size_t i = whole + 1; i < len; i++)
            if ((unsigned char)(text[i] - '0') > 9)
                return false;
        while (text[end - 1] == '0')
            end--;
        if (end == whole + 1) /* nothing behind the point */
            end = whole;
    }
    bool zero = text[sign] == '0'; /* before the point; no other number begins so */
    size_t before = zero ? 0 : whole - sign, after = end > whole ? end - whole - 1 : 0;
    if (before > precision - scale) {
        *reason = MR_REASON_OUT_OF_RANGE;
    } else if (after > scale) {
        *reason = MR_REASON_TOO_PRECISE;
    } else {
        size_t from = zero && after == 0 ? sign : 0; /* zero has no sign */
        *out_len = end - from;
        memcpy(out, text + from, end - from);
        *reason = MR_REASON_NONE;
    }
    return true;
}

__attribute__((noinline)) static mr_reason exponent_decimal(const char *text, size_t len, uint32_t precision,
                                                            uint32_t scale, char *out, size_t *out_len)
{
    digits number;
    read_digits(text, len, &number);
    int64_t whole = number.point > 0 ? number.point : 0;
    if (number.count > 0 && whole > (int64_t)(precision - scale))
        return MR_REASON_OUT_OF_RANGE;
    if (number.more || (int64_t)number.count - number.point > (int64_t)scale)
        return MR_REASON_TOO_PRECISE;
    size_t at = 0;
    if (number.negative && number.count > 0)
        out[at++] = '-';
    if (whole == 0)
        out[at++] = '0';
    for (int64_t i = 0; i < whole; i++)
        out[at++] = i < (int64_t)number.count ? number.digit[i] : '0';
    if ((int64_t)number.count > number.point) {
        out[at++] = '.';
        for (int64_t i = number.point; i < 0; i++)
            out[at++] = '0';
        for (int64_t i = whole; i < (int64_t)number.count; i++)
            out[at++] = number.digit[i];
    }
    *out_len = at;
    return MR_REASON_NONE;
}

mr_reason mr_to_decimal(const char *text, size_t len, uint32_t precision, uint32_t scale,
                        char out[MR_DECIMAL_TEXT], size_t *out_len)
{
    mr_reason reason;
    if (plain_decimal(text, len, precision, scale, out, out_len, &reason))
        return reason;
    return exponent_decimal(text, len, precision, scale, out, out_len);
}

mr_reason mr_to_uuid(const char *text, size_t len, unsigned char out[16])
{
    size_t at = 0;
    if (len != 36)
        return MR_REASON_BAD_FORMAT;
    for (size_t i = 0; i < 36; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text[i] != '-')
                return MR_REASON_BAD_FORMAT;
            continue;
        }
        int high = mr_hex_digit(text[i]), low = mr_hex_digit(text[i + 1]);
        if (high < 0 || low < 0)
            return MR_REASON_BAD_FORMAT;
        out[at++] = (unsigned char)(high << 4 | low);
        i++;
    }
    return MR_REASON_NONE;
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

mr_reason mr_to_binary(const char *text, size_t len, unsigned char *out, size_t cap, size_t *out_len)
{
    size_t padding = 0, written = 0;
    if (len % 4 != 0)
        return MR_REASON_BAD_FORMAT;
    while (padding < 2 && padding < len && text[len - 1 - padding] == '=')
        padding++;
    size_t bytes = len / 4 * 3 - padding;
    uint32_t bits = 0;
    for (size_t i = 0; i < len - padding; i++) {
        int digit = base64_digit(text[i]);
        if (digit < 0)
            return MR_REASON_BAD_FORMAT;
        bits = bits << 6 | (uint32_t)digit;
        unsigned held = 6 * (unsigned)(i % 4 + 1);
        if (held >= 8 && written < bytes && written < cap) {
            unsigned shift = held % 8;
            out[written++] = (unsigned char)(bits >> shift);
        }
    }
    /* Bits that no byte takes must be zero: one value has one text. */
    if ((padding == 1 && bits & 3) || (padding == 2 && bits & 15))
        return MR_REASON_BAD_FORMAT;
    *out_len = bytes;
    return bytes > cap ? MR_REASON_TOO_LONG : MR_REASON_NONE;
}
