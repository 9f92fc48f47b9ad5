/* digits.h: the naive reading of a number's text, to compare the converters with: each digit is put down at its power of ten. */
#ifndef MR_TESTS_DIGITS_H
#define MR_TESTS_DIGITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { DIGITS_POWER = 3000 }; /* further digits are only told to be there */

typedef struct digits_board {
    bool negative, zero;
    int top, low;       /* powers of the first and the last digit that is not 0; of a zero both are 0 */
    size_t significant; /* digits from the one to the other */
    char at[2 * DIGITS_POWER + 1];
} digits_board;

static inline int digits_of(const digits_board *board, int power)
{
    return power > DIGITS_POWER || power < -DIGITS_POWER ? 0 : board->at[power + DIGITS_POWER];
}

/* The text is a number by JSON's grammar. */
static inline void digits_read(const char *text, size_t len, digits_board *board)
{
    size_t from = text[0] == '-', end = from, point;
    int64_t exponent = 0;
    memset(board, 0, sizeof *board);
    board->negative = from == 1;
    while (end < len && text[end] != 'e' && text[end] != 'E')
        end++;
    for (point = from; point < end && text[point] != '.'; point++)
        ;
    for (size_t i = end + 1; i < len; i++)
        if (text[i] >= '0' && text[i] <= '9' && exponent < 100000000)
            exponent = exponent * 10 + (text[i] - '0');
    if (end + 1 < len && text[end + 1] == '-')
        exponent = -exponent;
    size_t first = 0;
    board->zero = true;
    for (size_t i = from; i < end; i++) {
        if (i == point || text[i] == '0')
            continue;
        int64_t power = (int64_t)point - (int64_t)i - (i < point) + exponent;
        int kept = power > DIGITS_POWER    ? DIGITS_POWER + 1
                   : power < -DIGITS_POWER ? -DIGITS_POWER - 1
                                           : (int)power;
        if (power >= -DIGITS_POWER && power <= DIGITS_POWER)
            board->at[kept + DIGITS_POWER] = (char)(text[i] - '0');
        if (board->zero) {
            board->top = kept;
            first = i;
        }
        board->low = kept;
        board->significant = i - first + 1 - (first < point && i > point);
        board->zero = false;
    }
}

/* The digits from one power down to another, as text; `out` has room for them and a zero. */
static inline void digits_text(const digits_board *board, int from, int to, char *out)
{
    for (int power = from; power >= to; power--)
        *out++ = (char)('0' + digits_of(board, power));
    *out = 0;
}

#endif
