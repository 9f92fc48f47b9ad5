/* A histogram that is told many times at once, against one that is told each by itself. */
#include "tests/unit/small_config.h"

#include "model.h"
#include "stages/metrics.h"

enum { MANY = 64, STEPS = 20000 };

static int64_t later(int64_t than, uint32_t most)
{
    return (int64_t)(((uint64_t)than + model_below(most)) & INT64_MAX);
}

/* Mostly near the one before, as in a page; some are absent, some to come, some anywhere. */
static int64_t next_time(int64_t before, int64_t now)
{
    switch (model_below(16)) {
    case 0:
        return -1 - (int64_t)(model_random() >> 1);
    case 1:
        return later(now, 1000);
    case 2:
        return (int64_t)(model_random() >> (1 + model_below(63)));
    case 3:
        return now - (int64_t)(model_random() >> (22 + model_below(42)));
    default:
        return later(before, 8);
    }
}

static void compare(mr_metrics *a, mr_metrics *b, char *text_a, char *text_b, size_t cap)
{
    mr_buf buf_a = mr_buf_over(text_a, cap), buf_b = mr_buf_over(text_b, cap);
    assert_true(mr_metrics_render(a, false, &buf_a) && mr_metrics_render(b, false, &buf_b));
    assert_string_equal(text_a, text_b);
}

static void test_since(void **state)
{
    (void)state;
    static char text[2][1 << 17];
    static const int64_t nows[] = {0, 1, INT64_C(1760000000000), INT64_MAX - 1000};
    model_seed("metrics");
    mr_config *config = small_config("b", "", "");
    mr_arena *arena = mr_arena_new();
    mr_metrics *at_once = mr_metrics_new(config, arena, 1), *one_by_one = mr_metrics_new(config, arena, 1);
    for (int i = 0, rounds = model_rounds(STEPS); i < rounds; i++) {
        int64_t now = nows[model_below(4)] + model_below(1000), since[MANY], last = now;
        uint32_t count = model_below(MANY + 1), path = model_below(2);
        for (uint32_t k = 0; k < count; k++) {
            last = since[k] = next_time(last, now);
            if (last >= 0)
                mr_metric_observe(one_by_one, MR_M_EVENT_AGE, 0, path,
                                  now > last ? (uint64_t)(now - last) : 0, 1);
        }
        mr_metric_observe_since(at_once, MR_M_EVENT_AGE, 0, path, now, since, count);
        if (i % 64 == 0 || i + 1 == rounds)
            compare(at_once, one_by_one, text[0], text[1], sizeof text[0]);
    }
    mr_arena_free(arena);
    mr_config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_since)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
