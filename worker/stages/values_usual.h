/* values_usual.h: the usual forms of values, for the loop over the columns to have inside.
 *
 * Eight characters are looked at as one word, instead of one after the other.  Pure functions over a text and its length.  false: the text is of
 * another form, wrong, or does not fit, and *out means nothing: the function of values.h with the same name says which.  Where it is true, that
 * one would have stored the same (tests compare them).
 */
#ifndef MR_STAGES_VALUES_USUAL_H
#define MR_STAGES_VALUES_USUAL_H

#include "base/text.h"
#include "stages/values.h"

#define MR_EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* ---- numbers ---- */

/* At most eight characters of a number by JSON's grammar, of which one may be a point. */
typedef struct mr_few {
    uint64_t text;   /* as it is, the first character lowest */
    uint64_t digits; /* their values, the last one highest; none is 0, and so are sign and point */
    uint32_t after;  /* digits behind the point */
    bool negative, point;
} mr_few;

/* false: it is not of that form. */
static inline bool mr_read_few(const char *text, size_t len, mr_few *out)
{
    if (len - 1 > 7)
        return false;
    uint64_t word = mr_load_few(text, len);
    out->text = word;
    out->negative = (word & 0xff) == '-';
    word = (word ^ MR_EACH('0') ^ (out->negative ? '-' ^ '0' : 0)) << 8 * (8 - len);
    /* Of what is in numbers, digits have neither of these bits now, signs and the point have the lower one, e and E both. */
    uint64_t others = word & MR_EACH(0x50);
    out->point = others != 0;
    out->after = others ? (uint32_t)__builtin_clzll(others) / 8 : 0;
    out->digits = word ^ (others >> 4) * ('.' ^ '0');
    return (others & (others - 1)) == 0;
}

/* Of eight digits, the last one highest: two and two become one number, then four and four, each with its weight. */
static inline uint64_t mr_value_of(uint64_t digits)
{
    const uint64_t lowest = UINT64_C(0x000000ff000000ff);
    uint64_t pairs = digits * 10 + (digits >> 8);
    return ((pairs & lowest) * (100 + (UINT64_C(1000000) << 32)) +
            (pairs >> 16 & lowest) * (1 + (UINT64_C(10000) << 32))) >>
           32;
}

/* From -most - 1 on. */
static inline bool mr_usual_int64(const char *text, size_t len, int64_t most, int64_t *out)
{
    mr_few number;
    if (!mr_read_few(text, len, &number) || number.point)
        return false;
    uint64_t value = mr_value_of(number.digits);
    *out = number.negative ? -(int64_t)value : (int64_t)value;
    return value <= (uint64_t)most + number.negative;
}

/* Both factors are exact, so that the one division rounds correctly (see values.c). */
static inline bool mr_usual_double(const char *text, size_t len, double *out)
{
    static const double tens[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8};
    mr_few number;
    if (!mr_read_few(text, len, &number))
        return false;
    /* What stands before the point moves up by one, over the point. */
    uint64_t before = number.point ? MR_EACH(0xff) >> 8 * number.after : 0;
    uint64_t digits = (number.digits & ~before) | (number.digits & before) << 8;
    double value = (double)(int64_t)mr_value_of(digits) / tens[number.after];
    *out = number.negative ? -value : value;
    return true;
}

/* The text itself, when it is neither -0 nor has a fraction with zeros at its end. */
static inline bool mr_usual_decimal(const char *text, size_t len, uint32_t precision, uint32_t scale,
                                    char out[MR_DECIMAL_TEXT], size_t *out_len)
{
    mr_few number;
    if (!mr_read_few(text, len, &number))
        return false;
    if (number.point ? text[len - 1] == '0' : number.negative && text[1] == '0')
        return false;
    mr_store64(out, number.text);
    *out_len = len;
    return number.after <= scale && len - number.negative - number.point - number.after <= precision - scale;
}

/* ---- times ---- */

/* Of the client library; which mr_time.kind is. */
enum { MR_TIME_KIND_DATE = 0, MR_TIME_KIND_DATETIME = 1, MR_TIME_KIND_TIME = 2 };

static const unsigned char mr_month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

/* Of eight digits the value of each with the one behind it, in its byte; the first is the lowest one.  Bytes with a 1 in `others` are no digits, and to be
 * 0.  *wrong: see mr_pairs_wrong. */
static inline uint64_t mr_pairs_in(uint64_t digits, uint64_t others, uint64_t *wrong)
{
    /* Bit 7 is set already, or set by adding what is missing to it from ten, or from one, on. */
    *wrong |= digits | (digits + MR_EACH(0x80 - 10) + others * 9);
    return digits * 10 + (digits >> 8);
}

/* Of eight characters, which are to be as in `form`: any digit where that has a 0, else the same. */
static inline uint64_t mr_pairs_of(const char *text, const char form[9], uint64_t *wrong)
{
    const uint64_t like = mr_load64(form);
    const uint64_t others = ((like ^ MR_EACH('0')) + MR_EACH(0x7f)) >> 7 & MR_EACH(1);
    return mr_pairs_in(mr_load64(text) ^ like, others, wrong);
}

/* Whether one of the texts that *wrong went through was of another form. */
static inline bool mr_pairs_wrong(uint64_t wrong)
{
    return (wrong & MR_EACH(0x80)) != 0;
}

/* YYYY-MM-DDTHH:MM:SSZ, perhaps with a point and one to six digits before the Z; of a leap year's day the other one knows. */
static inline bool mr_usual_datetime(const char *text, size_t len, mr_time *out)
{
    if (len < 20 || len > 27 || len == 21 || text[len - 1] != 'Z')
        return false;
    uint64_t wrong = 0, micros = 0;
    uint64_t date = mr_pairs_of(text, "0000-00-", &wrong),
             day_only = mr_pairs_of(text + 3, "0-00-00T", &wrong),
             clock = mr_pairs_of(text + 11, "00:00:00", &wrong);
    if (len > 20) {
        /* Without the Z, and as far down as brings the point to byte 0; digits that are not there are 0. */
        uint64_t word = (mr_load64(text + len - 8) ^ MR_EACH('0')) << 8 >> 8 * (28 - len);
        uint64_t pairs = mr_pairs_in(word ^ '.' ^ '0', 1, &wrong);
        micros = (pairs >> 8 & 0xff) * 10000 + (pairs >> 24 & 0xff) * 100 + (pairs >> 40 & 0xff);
    }
    uint32_t year = (uint32_t)(date & 0xff) * 100 + (uint32_t)(date >> 16 & 0xff), month = date >> 40 & 0xff,
             day = day_only >> 40 & 0xff, hour = clock & 0xff, minute = clock >> 24 & 0xff,
             second = clock >> 48 & 0xff;
    if (mr_pairs_wrong(wrong) || year < 1000 || month - 1 > 11 || day - 1 >= mr_month_days[month - 1] ||
        hour > 23 || minute > 59 || second > 59)
        return false;
    out->year = year;
    out->month = month;
    out->day = day;
    out->hour = hour;
    out->minute = minute;
    out->second = second;
    out->second_part = micros;
    out->negative = 0;
    out->kind = MR_TIME_KIND_DATETIME;
    return true;
}

#endif
