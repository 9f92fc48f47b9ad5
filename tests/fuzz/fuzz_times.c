/* Differential: dates and times against strptime, timegm and gmtime_r, epochs against digits on a board. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/must.h"
#include "digits.h"
#include "stages/values.h"
#include "worker/stages/values_usual.h"

#define LEAST_YEAR  1000
#define MOST_YEAR   9999
#define FRACTION_OF 30 /* digits after the point that an epoch may have, also when its fraction is cut */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* `form`: d a digit, + a sign, everything else itself; ? any. */
static bool looks_like(const char *text, size_t len, const char *form)
{
    if (len != strlen(form))
        return false;
    for (size_t i = 0; i < len; i++)
        if (form[i] == 'd'   ? text[i] < '0' || text[i] > '9'
            : form[i] == '+' ? text[i] != '+' && text[i] != '-'
                             : form[i] != '?' && form[i] != text[i])
            return false;
    return true;
}

/* A text of that form, which exists. */
static bool read_tm(const char *text, size_t len, const char *form, struct tm *tm)
{
    char copy[24];
    memcpy(copy, text, len);
    copy[len] = 0;
    *tm = (struct tm){.tm_year = 70, .tm_mday = 1};
    const char *end = strptime(copy, form, tm);
    struct tm same = *tm;
    timegm(&same); /* brings 31 February into March */
    return end && !*end && same.tm_mday == tm->tm_mday && same.tm_mon == tm->tm_mon &&
           same.tm_year == tm->tm_year && same.tm_hour == tm->tm_hour && same.tm_min == tm->tm_min &&
           same.tm_sec == tm->tm_sec;
}

typedef struct clock_text {
    size_t used;
    unsigned long micros;
    bool well, more; /* digits other than 0 beyond microseconds */
} clock_text;

static clock_text read_fraction(const char *text, size_t len)
{
    clock_text out = {.well = true};
    if (len == 0 || (text[0] != '.' && text[0] != ','))
        return out;
    for (out.used = 1; out.used < len && text[out.used] >= '0' && text[out.used] <= '9'; out.used++) {
        if (out.used <= 6)
            out.micros = out.micros * 10 + (unsigned long)(text[out.used] - '0');
        else
            out.more = out.more || text[out.used] != '0';
    }
    out.well = out.used > 1;
    for (size_t i = out.used; i <= 6; i++)
        out.micros *= 10;
    return out;
}

/* Z, +hh:mm, +hhmm, +hh or nothing, in minutes east. */
static bool read_zone(const char *text, size_t len, int assume, int *east)
{
    char digits[5] = "0000";
    *east = len == 0 ? assume : 0;
    if (len == 0 || looks_like(text, len, "Z") || looks_like(text, len, "z"))
        return true;
    if (!looks_like(text, len, "+dd") && !looks_like(text, len, "+dddd") && !looks_like(text, len, "+dd:dd"))
        return false;
    memcpy(digits, text + 1, 2);
    if (len > 3)
        memcpy(digits + 2, text + len - 2, 2);
    int value = atoi(digits);
    *east = (value / 100 * 60 + value % 100) * (text[0] == '-' ? -1 : 1);
    return value / 100 <= 18 && value % 100 <= 59;
}

static bool in_range(time_t seconds)
{
    struct tm tm;
    return gmtime_r(&seconds, &tm) && tm.tm_year + 1900 >= LEAST_YEAR && tm.tm_year + 1900 <= MOST_YEAR;
}

static void must_be(const mr_time *time, time_t seconds, unsigned long micros)
{
    struct tm tm;
    must(gmtime_r(&seconds, &tm));
    must((int)time->year == tm.tm_year + 1900 && (int)time->month == tm.tm_mon + 1 &&
         (int)time->day == tm.tm_mday && (int)time->hour == tm.tm_hour && (int)time->minute == tm.tm_min &&
         (int)time->second == tm.tm_sec && time->second_part == micros && !time->negative && time->kind == 1);
}

static void look_at_datetime(const char *text, size_t len, int assume, bool truncate)
{
    static const char letters[] = "Tt ";
    struct tm tm;
    char plain[20];
    mr_time time;
    int32_t assumed = assume;
    int east = 0;
    mr_reason reason = mr_to_datetime(text, len, &assumed, truncate, &time);
    mr_time usual = {0};
    bool is_usual = mr_usual_datetime(text, len, &usual);
    must(!is_usual || !reason);
    bool well = len >= 19 && looks_like(text, 19, "dddd-dd-dd?dd:dd:dd") && memchr(letters, text[10], 3);
    if (well) {
        memcpy(plain, text, 19);
        plain[10] = 'T';
        well = read_tm(plain, 19, "%Y-%m-%dT%H:%M:%S", &tm);
    }
    clock_text fraction = well ? read_fraction(text + 19, len - 19) : (clock_text){0};
    well = well && fraction.well &&
           read_zone(text + 19 + fraction.used, len - 19 - fraction.used, assume, &east);
    if (!well) {
        must(reason);
        return;
    }
    time_t seconds = timegm(&tm) - (time_t)east * 60;
    bool range = tm.tm_year + 1900 >= LEAST_YEAR && in_range(seconds), fine = truncate || !fraction.more;
    must((reason == MR_REASON_NONE) == (range && fine));
    must(reason != MR_REASON_OUT_OF_RANGE || !range);
    must(reason != MR_REASON_TOO_PRECISE || !fine);
    must(reason != MR_REASON_BAD_FORMAT);
    if (!reason)
        must_be(&time, seconds, fraction.micros);
    if (is_usual)
        must_be(&usual, seconds, fraction.micros);
    /* Without an assumed zone the only difference is that there must be one. */
    bool zoned = 19 + fraction.used < len;
    must(mr_to_datetime(text, len, NULL, truncate, &time) == (zoned ? reason : MR_REASON_BAD_FORMAT) ||
         reason);
}

static void look_at_date(const char *text, size_t len)
{
    struct tm tm;
    mr_time time;
    mr_reason reason = mr_to_date(text, len, &time);
    bool well = looks_like(text, len, "dddd-dd-dd") && read_tm(text, len, "%Y-%m-%d", &tm);
    bool range = well && tm.tm_year + 1900 >= LEAST_YEAR;
    must(reason == (range ? MR_REASON_NONE : well ? MR_REASON_OUT_OF_RANGE : MR_REASON_BAD_FORMAT));
    if (!reason)
        must((int)time.year == tm.tm_year + 1900 && (int)time.month == tm.tm_mon + 1 &&
             (int)time.day == tm.tm_mday && time.hour == 0 && time.second_part == 0 && time.kind == 0);
}

static void look_at_time(const char *text, size_t len, bool truncate)
{
    struct tm tm;
    mr_time time;
    mr_reason reason = mr_to_time(text, len, truncate, &time);
    bool well = len >= 8 && looks_like(text, 8, "dd:dd:dd") && read_tm(text, 8, "%H:%M:%S", &tm);
    clock_text fraction = well ? read_fraction(text + 8, len - 8) : (clock_text){0};
    well = well && fraction.well && fraction.used == len - 8;
    must((reason == MR_REASON_NONE) == (well && (truncate || !fraction.more)));
    if (!reason)
        must((int)time.hour == tm.tm_hour && (int)time.minute == tm.tm_min && (int)time.second == tm.tm_sec &&
             time.second_part == fraction.micros && time.kind == 2);
}

static bool above_64_bits(const digits_board *board)
{
    char digits[20];
    if (board->top != 18)
        return board->top > 18;
    digits_text(board, 18, 0, digits);
    return strcmp(digits, "9223372036854775807") > 0;
}

static void look_at_epoch(const char *text, size_t len, mr_unit unit, bool truncate)
{
    static const int shifts[] = {[MR_UNIT_S] = 6, [MR_UNIT_MS] = 3, [MR_UNIT_US] = 0, [MR_UNIT_NS] = -3};
    static digits_board board;
    char digits[40] = "0";
    mr_time time;
    int shift = shifts[unit];
    mr_reason reason = mr_epoch_to_datetime(text, len, unit, truncate, &time);
    digits_read(text, len, &board);
    bool exact = board.zero || board.low + shift >= 0, huge = board.top + shift > 18;
    if (!huge)
        digits_text(&board, 18 - shift, -shift, digits);
    int64_t micros = strtoll(digits, NULL, 10) * (board.negative ? -1 : 1);
    int64_t seconds = micros / 1000000 - (micros % 1000000 < 0);
    bool range = !huge && in_range(seconds);
    if (unit == MR_UNIT_NS && above_64_bits(&board))
        range = false; /* nanoseconds end in the year 2262 */
    bool fine = exact || (truncate && board.low >= -FRACTION_OF);
    must((reason == MR_REASON_NONE) == (range && fine));
    must(!reason || reason == (range ? MR_REASON_TOO_PRECISE : MR_REASON_OUT_OF_RANGE) || (!range && !fine));
    if (!reason)
        must_be(&time, seconds, (unsigned long)(micros - seconds * 1000000));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char *text = malloc(len + 1);
    memcpy(text, bytes, len);
    text[len] = 0;
    for (int truncate = 0; truncate < 2; truncate++) {
        look_at_datetime(text, len, truncate ? -90 : 0, truncate);
        look_at_time(text, len, truncate);
        for (mr_unit unit = MR_UNIT_S; unit <= MR_UNIT_NS && mr_is_number(text, len); unit++)
            look_at_epoch(text, len, unit, truncate);
    }
    look_at_date(text, len);
    free(text);
    return 0;
}
