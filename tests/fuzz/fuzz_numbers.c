/* Differential: the converters of numbers against a regular expression, digits on a board, and strtod; usual forms against the converters. */
#include <math.h>
#include <regex.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "digits.h"
#include "stages/values.h"
#include "worker/stages/values_usual.h"

#define KEPT_MAX 96 /* a number with more digits is too_precise before it is out_of_range */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static bool is_number(const char *text, size_t len)
{
    static regex_t grammar;
    static bool ready;
    if (!ready)
        must(!regcomp(&grammar, "^-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?$",
                      REG_EXTENDED | REG_NOSUB));
    ready = true;
    return strlen(text) == len && !regexec(&grammar, text, 0, NULL, 0);
}

static void look_at_decimal(const char *text, size_t len, const digits_board *board)
{
    static const struct {
        uint32_t precision, scale;
    } kinds[] = {{38, 10}, {65, 30}, {65, 0}, {1, 0}, {5, 5}, {12, 2}};
    char out[MR_DECIMAL_TEXT], expected[MR_DECIMAL_TEXT + 4], whole[80], fraction[40];
    size_t out_len;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        int most = (int)(kinds[i].precision - kinds[i].scale), scale = (int)kinds[i].scale;
        mr_reason reason = mr_to_decimal(text, len, kinds[i].precision, kinds[i].scale, out, &out_len);
        char usual[MR_DECIMAL_TEXT];
        size_t usual_len;
        if (mr_usual_decimal(text, len, kinds[i].precision, kinds[i].scale, usual, &usual_len))
            must(!reason && usual_len == out_len && !memcmp(usual, out, out_len));
        must((reason == MR_REASON_OUT_OF_RANGE) == (!board->zero && board->top >= most));
        if (reason == MR_REASON_OUT_OF_RANGE)
            continue;
        must((reason == MR_REASON_TOO_PRECISE) == (board->low < -scale));
        if (reason)
            continue;
        digits_text(board, board->top > 0 ? board->top : 0, 0, whole);
        digits_text(board, -1, board->low < 0 ? board->low : 0, fraction);
        snprintf(expected, sizeof expected, "%s%s%s%s", board->negative && !board->zero ? "-" : "", whole,
                 *fraction ? "." : "", fraction);
        must(out_len == strlen(expected) && !memcmp(out, expected, out_len));
    }
}

/* "0" to "9...": longer is larger, as long is as strcmp says. */
static bool above(const digits_board *board, const char *most)
{
    char text[40];
    int digits = (int)strlen(most);
    if (board->top >= digits)
        return true;
    digits_text(board, digits - 1, 0, text);
    return strcmp(text, most) > 0;
}

static mr_reason integer_reason(const digits_board *board, const char *most)
{
    if (board->low < 0)
        return MR_REASON_TOO_PRECISE;
    if (!above(board, most))
        return MR_REASON_NONE;
    return board->significant > KEPT_MAX ? MR_REASON_TOO_PRECISE : MR_REASON_OUT_OF_RANGE;
}

static void look_at_integers(const char *text, size_t len, const digits_board *board)
{
    static const struct {
        int64_t least, most;
        const char *least_digits, *most_digits;
    } kinds[] = {{INT8_MIN, INT8_MAX, "128", "127"},
                 {INT32_MIN, INT32_MAX, "2147483648", "2147483647"},
                 {INT64_MIN, INT64_MAX, "9223372036854775808", "9223372036854775807"}};
    char digits[40];
    int64_t number = 0;
    uint64_t large = 0;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const char *limit = board->negative ? kinds[i].least_digits : kinds[i].most_digits;
        mr_reason reason = mr_to_int64(text, len, kinds[i].least, kinds[i].most, &number);
        int64_t usual;
        must(reason == integer_reason(board, limit));
        if (mr_usual_int64(text, len, kinds[i].most, &usual))
            must(!reason && usual == number);
        digits_text(board, 19, 0, digits);
        if (!reason)
            must((uint64_t)number ==
                 (board->negative ? 0 - strtoull(digits, NULL, 10) : strtoull(digits, NULL, 10)));
    }
    for (int small = 0; small < 2; small++) {
        const char *limit = board->negative ? "0" : small ? "255" : "18446744073709551615";
        mr_reason reason = mr_to_uint64(text, len, small ? UINT8_MAX : UINT64_MAX, &large);
        must(reason == integer_reason(board, limit));
        digits_text(board, 19, 0, digits);
        must(reason || large == strtoull(digits, NULL, 10));
    }
}

static void look_at_double(const char *text, size_t len)
{
    double number, usual, expected = strtod(text, NULL);
    mr_reason reason = mr_to_double(text, len, &number);
    if (mr_usual_double(text, len, &usual))
        must(!reason && !memcmp(&usual, &expected, sizeof usual));
    if (reason == MR_REASON_NONE)
        must(isfinite(number) && !memcmp(&number, &expected, sizeof number));
    else /* what is that long is not looked at */
        must((reason == MR_REASON_OUT_OF_RANGE && isinf(expected)) ||
             (reason == MR_REASON_TOO_PRECISE && len >= 1200));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static digits_board board;
    char *text = malloc(len + 1);
    memcpy(text, bytes, len);
    text[len] = 0;
    bool number = mr_is_number(text, len);
    must(number == is_number(text, len));
    if (number) {
        digits_read(text, len, &board);
        look_at_decimal(text, len, &board);
        look_at_integers(text, len, &board);
        look_at_double(text, len);
    }
    free(text);
    return 0;
}
