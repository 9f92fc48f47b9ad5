/* Every day that a DATETIME has, from 1000-01-01 to 9999-12-31, against the C library's calendar: from a number, and from a text whose
 * offset moves it over midnight. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "stages/values.h"

#define FIRST_DAY INT64_C(-354285)
#define LAST_DAY  INT64_C(2932896)
#define DAY_S     86400

static bool is_midnight_of(const mr_time *time, const struct tm *day)
{
    return (int)time->year == day->tm_year + 1900 && (int)time->month == day->tm_mon + 1 &&
           (int)time->day == day->tm_mday && time->hour == 0 && time->minute == 0 && time->second == 0 &&
           time->second_part == 0;
}

static void test_numbers(void **state)
{
    (void)state;
    for (int64_t day = FIRST_DAY; day <= LAST_DAY; day++) {
        char text[24];
        struct tm tm;
        mr_time time;
        time_t seconds = day * DAY_S;
        int len = snprintf(text, sizeof text, "%lld", (long long)seconds);
        gmtime_r(&seconds, &tm);
        if (mr_epoch_to_datetime(text, (size_t)len, MR_UNIT_S, false, &time) != MR_REASON_NONE ||
            !is_midnight_of(&time, &tm) || mr_time_ms(&time) != seconds * 1000)
            fail_msg("day %s", text);
    }
}

static void test_over_midnight(void **state)
{
    (void)state;
    for (int64_t day = FIRST_DAY; day < LAST_DAY; day++) {
        char text[40];
        struct tm tm;
        mr_time time;
        time_t seconds = day * DAY_S, next = seconds + DAY_S;
        gmtime_r(&seconds, &tm);
        size_t len = strftime(text, sizeof text, "%Y-%m-%dT23:59:00-00:01", &tm);
        gmtime_r(&next, &tm);
        if (mr_to_datetime(text, len, NULL, false, &time) != MR_REASON_NONE || !is_midnight_of(&time, &tm))
            fail_msg("%s", text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_numbers), cmocka_unit_test(test_over_midnight)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
