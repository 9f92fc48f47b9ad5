/* Sizes worked out from the configuration, and when a batch is full. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "stages/batch.h"
#include "stages/plan.h"

static mr_config *configure(const char *more, const char *max_bytes, int shards)
{
    char text[16384];
    mr_config *config;
    mr_findings findings = {0};
    int len = snprintf(text, sizeof text,
                       "{\"kafka\":{\"bootstrap_servers\":\"b\",\"group_id\":\"g\"%s},\"streams\":[{\"name\":"
                       "\"s\",\"topic\":\"t\","
                       "\"table\":\"t\",\"id\":{\"column\":\"id\",\"from\":\"ksuid\"},\"columns\":[{\"name\":"
                       "\"a\",\"from\":\"a\","
                       "\"type\":\"string\",\"max_bytes\":%s}]}],\"shards\":[",
                       more, max_bytes);
    for (int i = 0; i < shards; i++)
        len += snprintf(text + len, sizeof text - (size_t)len,
                        "%s{\"name\":\"s%d\",\"host\":\"h\",\"user\":\"u\",\"database\":\"d\"}", i ? "," : "",
                        i);
    snprintf(text + len, sizeof text - (size_t)len, "]}");
    if (mr_config_parse("test", text, strlen(text), NULL, &config, &findings))
        fail_msg("%s: %s", findings.at[0].where, findings.at[0].what);
    mr_findings_free(&findings);
    return config;
}

static void test_pages(void **state)
{
    (void)state;
    static const struct {
        const char *more, *max_bytes;
        int shards;
    } cases[] = {{"", "100", 1},
                 {"", "1024", 2},
                 {"", "1024", 16},
                 {",\"consumer_threads\":4", "1024", 8},
                 {"", "8", 64}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mr_config *config = configure(cases[i].more, cases[i].max_bytes, cases[i].shards);
        mr_arena *arena = mr_arena_new();
        mr_plan plan;
        mr_error error;
        assert_int_equal(mr_plan_make(config, arena, &plan, &error), MR_OK);
        uint32_t consumers = config->kafka.consumer_threads;
        assert_true(plan.rows_page >= MR_PAGE_ROWS_MIN && plan.rows_page <= MR_PAGE_ROWS_MAX);
        /* Each (stream, shard) has four pages at least, and no page lies outside the pool. */
        assert_true(plan.pages_each >= 4 * config->shard_count);
        assert_true((uint64_t)plan.pages_each * consumers * plan.page_bytes <=
                    (uint64_t)config->memory.pool_mib << 20);
        assert_true(plan.page_bytes >= plan.rows_page * mr_page_row_bytes(plan.layouts[0].size));
        assert_true(plan.holds_each > plan.pages_each);
        mr_arena_free(arena);
        mr_config_free(config);
    }
}

static void test_too_small(void **state)
{
    (void)state;
    mr_config *config = configure("", "100000", 16);
    mr_arena *arena = mr_arena_new();
    mr_plan plan;
    mr_error error;
    assert_int_equal(mr_plan_make(config, arena, &plan, &error), MR_CONFIG);
    unsigned needed = 0;
    const char *at = strstr(error.text, "at least ");
    assert_non_null(at);
    assert_int_equal(sscanf(at, "at least %u", &needed), 1);
    config->memory.pool_mib = needed; /* what it asks for is enough, and one less is not */
    assert_int_equal(mr_plan_make(config, arena, &plan, &error), MR_OK);
    config->memory.pool_mib = needed - 1;
    assert_int_equal(mr_plan_make(config, arena, &plan, &error), MR_CONFIG);
    mr_arena_free(arena);
    mr_config_free(config);
}

/* How much is fetched ahead when nobody says it: by whether fetching goes on when the queues were full. */
static void test_fetching(void **state)
{
    (void)state;
    static const struct {
        int librdkafka;
        const char *more;
        mr_fetching fetching;
        uint32_t mib;
    } cases[] = {
        {0x020002ff, "", MR_FETCH_WOKEN, 16},
        {0x0201ffff, ",\"properties\":{\"security.protocol\":\"ssl\"}", MR_FETCH_WOKEN, 16},
        {0x020002ff, ",\"properties\":{\"security.protocol\":\"sasl_plaintext\"}", MR_FETCH_STALLS, 64},
        {0x0201ffff, ",\"consumer_properties\":{\"security.protocol\":\"SASL_SSL\"}", MR_FETCH_STALLS, 64},
        {0x020200ff, ",\"properties\":{\"security.protocol\":\"sasl_ssl\"}", MR_FETCH_GOES_ON, 16},
        {0x03000000, "", MR_FETCH_GOES_ON, 16},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int version = cases[i].librdkafka;
        mr_config *config = configure(cases[i].more, "100", 2);
        mr_plan plan = {.page_bytes = 1 << 20};
        assert_int_equal(mr_plan_fetching(config, version), cases[i].fetching);
        assert_int_equal(mr_plan_fetch_mib(config, version), cases[i].mib);
        /* Four times what is fetched, 64 MiB, four pages for each shard. */
        assert_int_equal(mr_plan_libraries(config, &plan, version) >> 20, 4 * cases[i].mib + 64 + 2 * 4 * 2);
        config->memory.fetch_mib = 5;
        assert_int_equal(mr_plan_fetch_mib(config, version), 5);
        assert_int_equal(mr_plan_libraries(config, &plan, version) >> 20, 4 * 5 + 64 + 2 * 4 * 2);
        config->batch.connections = 1;
        assert_int_equal(mr_plan_libraries(config, &plan, version) >> 20, 4 * 5 + 64 + 4 * 2);
        mr_config_free(config);
    }
}

static void test_batch(void **state)
{
    (void)state;
    mr_arena *arena = mr_arena_new();
    mr_config config = {.batch = {.max_rows = 100, .max_bytes = 1000}};
    mr_batch batch;
    mr_batch_init(&batch, &config, arena, 3);
    mr_page rows = {.rows = 60, .bytes = 10}, bytes = {.rows = 1, .bytes = 2000},
            small = {.rows = 1, .bytes = 1};
    mr_batch_add(&batch, 1, &rows);
    assert_false(mr_batch_full(&batch));
    mr_batch_add(&batch, 2, &rows); /* whole pages: somewhat beyond the limit */
    assert_true(mr_batch_full(&batch));
    assert_int_equal(batch.rows, 120);
    mr_batch_clear(&batch);
    assert_false(mr_batch_full(&batch));
    mr_batch_add(&batch, 1, &bytes);
    assert_true(mr_batch_full(&batch));
    mr_batch_clear(&batch);
    for (uint32_t i = 0; i < 3; i++)
        mr_batch_add(&batch, i, &small);
    assert_true(mr_batch_full(&batch)); /* of pages */
    assert_int_equal(batch.pages[2], 2);
    mr_arena_free(arena);
}

/* Each value has a place of its own; what is long comes behind everything that is short, whatever the order of the columns. */
static void test_layout(void **state)
{
    (void)state;
    static const uint32_t capacities[] = {1024, 16, 129, 128, 3};
    mr_layout layout = {.fields = 7, .field = {{.form = MR_FORM_DATETIME}, {.form = MR_FORM_INT64}}};
    for (uint32_t i = 2; i < 7; i++)
        layout.field[i] = (mr_field){.form = MR_FORM_TEXT, .capacity = capacities[i - 2]};
    mr_layout_place(&layout);
    uint32_t first_long = layout.field[2].value_at, rooms = 0;
    assert_int_equal(layout.field[0].capacity, sizeof(mr_time));
    assert_int_equal(layout.field[4].value_at, first_long + 1024);
    for (uint32_t i = 0; i < 7; i++) {
        const mr_field *field = &layout.field[i];
        assert_int_equal(field->value_at % 8, 0);
        assert_true(i == 2 || i == 4 || field->value_at + field->capacity <= first_long);
        rooms += (field->capacity + 7) / 8 * 8;
        for (uint32_t j = 0; j < i; j++)
            assert_true(field->value_at + field->capacity <= layout.field[j].value_at ||
                        layout.field[j].value_at + layout.field[j].capacity <= field->value_at);
    }
    /* Behind the header, seven indicators and five lengths; and nothing else. */
    assert_int_equal(layout.size, sizeof(mr_record) + 8 + 5 * sizeof(unsigned long) + rooms);
}

static void test_rows_that_fit(void **state)
{
    (void)state;
    static unsigned char memory[4][512];
    static const unsigned long lengths[4] = {10, 100, 200, 10};
    mr_layout layout = {.fields = 2,
                        .field = {{.form = MR_FORM_TEXT, .capacity = 200}, {.form = MR_FORM_INT64}}};
    mr_layout_place(&layout);
    mr_page page = {.rows = 4, .bytes = 400, .record_size = sizeof memory[0], .records = memory[0]};
    for (uint32_t row = 0; row < 4; row++)
        *mr_record_length(&layout, memory[row], 0) = lengths[row];
    /* A row takes its text and 32 more: 42, 132, 232, 42. */
    assert_int_equal(mr_batch_rows_that_fit(&page, &layout, 0, 1 << 20), 4);
    assert_int_equal(mr_batch_rows_that_fit(&page, &layout, 3, 1 << 20), 1);
    assert_int_equal(mr_batch_rows_that_fit(&page, &layout, 0, 173), 1);
    assert_int_equal(mr_batch_rows_that_fit(&page, &layout, 0, 174), 2);
    assert_int_equal(mr_batch_rows_that_fit(&page, &layout, 1, 364), 2);
    assert_int_equal(mr_batch_rows_that_fit(&page, &layout, 2, 231), 0);
    assert_int_equal(mr_batch_rows_that_fit(&page, &layout, 3, 231), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pages),    cmocka_unit_test(test_too_small),
                                       cmocka_unit_test(test_fetching), cmocka_unit_test(test_batch),
                                       cmocka_unit_test(test_layout),   cmocka_unit_test(test_rows_that_fit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
