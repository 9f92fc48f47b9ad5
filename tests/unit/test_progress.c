/* Progress in words: counts, rate, what is left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/progress.h"

static void lines(void **state)
{
    (void)state;
    static const struct {
        uint64_t done, all, elapsed_ms;
        const char *more, *line;
    } all[] = {
        {0, 3, 0, "s0", "0 of 3 shards checked, s0"},
        {1, 3, 500, "", "1 of 3 shards checked"}, /* too early for a rate */
        {1200, 4000, 4000, "", "1,200 of 4,000 shards checked, 300/s, 9 s left"},
        {1200, 4000000, 4000, "7 match",
         "1,200 of 4,000,000 shards checked, 300/s, 3 h 42 min left, 7 match"},
        {1, 4, 10000, "", "1 of 4 shards checked, 30 s left"}, /* less than one a second */
        {5000, 4000, 4000, "", "5,000 of 4,000 shards checked, 1,250/s"},
        {5000, 0, 2000, "", "5,000 shards checked, 2,500/s"},
        {0, 10, 60000, "", "0 of 10 shards checked"},
        {UINT64_C(1) << 50, UINT64_C(1) << 51, 1000, "",
         "1,125,899,906,842,624 of 2,251,799,813,685,248 shards checked, 1,125,899,906,842,624/s, 1 s left"},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        char text[256];
        mr_buf buf = mr_buf_over(text, sizeof text);
        mr_progress_line(&buf, "shards checked", all[i].done, all[i].all, all[i].elapsed_ms, all[i].more);
        assert_string_equal(text, all[i].line);
    }
}

static void durations(void **state)
{
    (void)state;
    static const struct {
        long long seconds;
        const char *text;
    } all[] = {{0, "0 s"},          {119, "119 s"},     {120, "2 min 0 s"}, {7199, "119 min 59 s"},
               {7200, "2 h 0 min"}, {172800, "2 d 0 h"}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        char text[64];
        mr_buf buf = mr_buf_over(text, sizeof text);
        mr_buf_duration(&buf, all[i].seconds);
        assert_string_equal(text, all[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lines), cmocka_unit_test(durations)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
