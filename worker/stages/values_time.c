/* Dates and times. Days from civil dates and back after Howard Hinnant's "chrono-compatible low-level date algorithms". */
#include "stages/values.h"

#include "base/text.h"
#include "values_usual.h"

#define DAY_US    INT64_C(86400000000)
#define LEAST_DAY (-354285) /* 1000-01-01 */
#define MOST_DAY  2932896   /* 9999-12-31 */

static int64_t days_from_civil(int64_t year, unsigned month, unsigned day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    unsigned of_era = (unsigned)(year - era * 400);
    unsigned of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    unsigned day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    return era * 146097 + (int64_t)day_of_era - 719468;
}

static void civil_from_days(int64_t days, mr_time *out)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    unsigned of_era = (unsigned)(days - era * 146097);
    unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
    unsigned month = (5 * of_year + 2) / 153;
    out->day = of_year - (153 * month + 2) / 5 + 1;
    out->month = month < 10 ? month + 3 : month - 9;
    out->year = (unsigned)((int64_t)year + era * 400 + (out->month <= 2));
}

static bool two(const char *text, unsigned *value)
{
    unsigned high = (unsigned)(text[0] - '0'), low = (unsigned)(text[1] - '0');
    *value = high * 10 + low;
    return high < 10 && low < 10;
}

/* YYYY-MM-DD, ten characters; a date that exists. */
static mr_reason read_date(const char *text, mr_time *out)
{
    uint64_t wrong = 0, pairs = mr_pairs_of(text, "0000-00-", &wrong);
    unsigned day;
    if (mr_pairs_wrong(wrong) || !two(text + 8, &day))
        return MR_REASON_BAD_FORMAT;
    unsigned year = (unsigned)(pairs & 0xff) * 100 + (unsigned)(pairs >> 16 & 0xff),
             month = pairs >> 40 & 0xff;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (month < 1 || month > 12 || day < 1 || day > (unsigned)mr_month_days[month - 1] + (month == 2 && leap))
        return MR_REASON_BAD_FORMAT;
    if (year < 1000)
        return MR_REASON_OUT_OF_RANGE;
    out->year = year;
    out->month = month;
    out->day = day;
    return MR_REASON_NONE;
}

/* HH:MM:SS and its fraction; *used says how far it went. */
static mr_reason read_clock(const char *text, size_t len, bool truncate, mr_time *out, size_t *used)
{
    uint64_t wrong = 0;
    if (len < 8)
        return MR_REASON_BAD_FORMAT;
    uint64_t pairs = mr_pairs_of(text, "00:00:00", &wrong);
    if (mr_pairs_wrong(wrong))
        return MR_REASON_BAD_FORMAT;
    out->hour = pairs & 0xff;
    out->minute = pairs >> 24 & 0xff;
    out->second = pairs >> 48 & 0xff;
    if (out->hour > 23 || out->minute > 59 || out->second > 59)
        return MR_REASON_BAD_FORMAT;
    size_t i = 8;
    unsigned long micros = 0, unit = 100000;
    if (i < len && (text[i] == '.' || text[i] == ',')) {
        size_t from = ++i;
        for (; i < len && text[i] >= '0' && text[i] <= '9'; i++) {
            if (unit == 0 && text[i] != '0' && !truncate)
                return MR_REASON_TOO_PRECISE;
            micros += unit * (unsigned long)(text[i] - '0');
            unit /= 10;
        }
        if (i == from)
            return MR_REASON_BAD_FORMAT;
    }
    out->second_part = micros;
    *used = i;
    return MR_REASON_NONE;
}

/* Z, +hh:mm, +hhmm, +hh, or nothing. */
static mr_reason read_offset(const char *text, size_t len, const int32_t *assume_min, int32_t *east_min)
{
    unsigned hours, minutes = 0;
    if (len == 0) {
        if (!assume_min)
            return MR_REASON_BAD_FORMAT;
        *east_min = *assume_min;
        return MR_REASON_NONE;
    }
    if (len == 1 && (text[0] | 0x20) == 'z') {
        *east_min = 0;
        return MR_REASON_NONE;
    }
    bool well = (text[0] == '+' || text[0] == '-') && len >= 3 && two(text + 1, &hours);
    if (well && len == 6)
        well = text[3] == ':' && two(text + 4, &minutes);
    else if (well && len == 5)
        well = two(text + 3, &minutes);
    else
        well = well && len == 3;
    if (!well || hours > 18 || minutes > 59)
        return MR_REASON_BAD_FORMAT;
    *east_min = (int32_t)(hours * 60 + minutes) * (text[0] == '-' ? -1 : 1);
    return MR_REASON_NONE;
}

/* Microseconds since 1970 to a time of day on a day that DATETIME has. */
static mr_reason from_micros(int64_t days, int64_t micros, mr_time *out)
{
    int64_t more = micros / DAY_US;
    micros %= DAY_US;
    if (micros < 0) {
        micros += DAY_US;
        more--;
    }
    days += more;
    if (days < LEAST_DAY || days > MOST_DAY)
        return MR_REASON_OUT_OF_RANGE;
    civil_from_days(days, out);
    out->second_part = (unsigned long)(micros % 1000000);
    int64_t seconds = micros / 1000000;
    out->hour = (unsigned)(seconds / 3600);
    out->minute = (unsigned)(seconds / 60 % 60);
    out->second = (unsigned)(seconds % 60);
    out->negative = 0;
    out->kind = MR_TIME_KIND_DATETIME;
    return MR_REASON_NONE;
}

mr_reason mr_to_datetime(const char *text, size_t len, const int32_t *assume_min, bool truncate, mr_time *out)
{
    size_t used;
    int32_t east_min;
    if (len < 19 || ((text[10] | 0x20) != 't' && text[10] != ' '))
        return MR_REASON_BAD_FORMAT;
    mr_reason reason = read_date(text, out);
    if (!reason)
        reason = read_clock(text + 11, len - 11, truncate, out, &used);
    if (!reason)
        reason = read_offset(text + 11 + used, len - 11 - used, assume_min, &east_min);
    if (reason)
        return reason;
    out->negative = 0;
    out->kind = MR_TIME_KIND_DATETIME;
    if (east_min == 0)
        return MR_REASON_NONE;
    int64_t micros =
        ((int64_t)out->hour * 3600 + out->minute * 60 + out->second - (int64_t)east_min * 60) * 1000000 +
        (int64_t)out->second_part;
    return from_micros(days_from_civil(out->year, out->month, out->day), micros, out);
}

mr_reason mr_epoch_to_datetime(const char *text, size_t len, mr_unit unit, bool truncate, mr_time *out)
{
    /* As a decimal with the fraction that the unit leaves to microseconds. */
    static const uint32_t scale_of[] = {
        [MR_UNIT_S] = 6, [MR_UNIT_MS] = 3, [MR_UNIT_US] = 0, [MR_UNIT_NS] = 0};
    static const int64_t micros_per[] = {[MR_UNIT_S] = 1000000, [MR_UNIT_MS] = 1000, [MR_UNIT_US] = 1};
    char number[MR_DECIMAL_TEXT];
    size_t number_len;
    uint32_t scale = scale_of[unit];
    mr_reason reason = mr_to_decimal(text, len, 24 + 30, 30, number, &number_len);
    if (reason == MR_REASON_TOO_PRECISE && !truncate)
        return reason;
    if (reason)
        return reason == MR_REASON_TOO_PRECISE ? MR_REASON_TOO_PRECISE : MR_REASON_OUT_OF_RANGE;
    bool negative = number[0] == '-';
    int64_t whole = 0, fraction = 0, place = 1;
    size_t i = negative;
    for (; i < number_len && number[i] != '.'; i++) {
        if (__builtin_mul_overflow(whole, 10, &whole) ||
            __builtin_add_overflow(whole, number[i] - '0', &whole))
            return MR_REASON_OUT_OF_RANGE;
    }
    for (uint32_t d = 0; d < scale; d++)
        place *= 10;
    for (i++; i < number_len; i++) {
        place /= 10;
        if (place == 0 && number[i] != '0' && !truncate)
            return MR_REASON_TOO_PRECISE;
        fraction += place * (number[i] - '0');
    }
    if (unit == MR_UNIT_NS) {
        if (whole % 1000 != 0 && !truncate)
            return MR_REASON_TOO_PRECISE;
        whole /= 1000;
    }
    /* Whole days apart, so that seconds of any DATETIME fit. */
    int64_t per_unit = unit == MR_UNIT_NS ? 1 : micros_per[unit];
    int64_t units_a_day = DAY_US / per_unit;
    int64_t days = whole / units_a_day, micros = whole % units_a_day * per_unit + fraction;
    if (negative) {
        days = -days;
        micros = -micros;
    }
    if (days > 2 * MOST_DAY || days < -2 * (int64_t)MOST_DAY)
        return MR_REASON_OUT_OF_RANGE;
    return from_micros(days, micros, out);
}

int64_t mr_time_ms(const mr_time *time)
{
    int64_t days = days_from_civil(time->year, time->month, time->day);
    return ((days * 24 + time->hour) * 60 + time->minute) * 60000 + time->second * INT64_C(1000) +
           (int64_t)time->second_part / 1000;
}

mr_reason mr_to_date(const char *text, size_t len, mr_time *out)
{
    if (len != 10)
        return MR_REASON_BAD_FORMAT;
    *out = (mr_time){.kind = MR_TIME_KIND_DATE};
    return read_date(text, out);
}

mr_reason mr_to_time(const char *text, size_t len, bool truncate, mr_time *out)
{
    size_t used;
    *out = (mr_time){.kind = MR_TIME_KIND_TIME};
    mr_reason reason = read_clock(text, len, truncate, out, &used);
    return reason ? reason : used == len ? MR_REASON_NONE : MR_REASON_BAD_FORMAT;
}
