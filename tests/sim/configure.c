/* What a seed is like: its habits, and the configurations that its workers are given. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "world.h"

static uint32_t draw(uint64_t about, uint32_t from, uint32_t to)
{
    return from + (uint32_t)(sim_hash(20, about, 0) % (to - from + 1));
}

static uint32_t one_of(uint64_t about, const uint32_t *some, uint32_t count)
{
    return some[sim_hash(21, about, 0) % count];
}
#define ONE_OF(about, ...)                                                                                   \
    one_of(about, (const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

void configure_habits(void)
{
    const sim_plan *plan = sim_plan_now();
    sim_habits *is = &world.is;
    is->streams = ONE_OF(1, 1, 1, 2);
    for (uint32_t i = 0; i < is->streams; i++)
        is->partitions[i] = least(ONE_OF(2 + i, 1, 2, 3, 4, 6), plan->partitions_most);
    is->shards = ONE_OF(4, 1, 2, 2, 3, 3, 4);
    is->consumers = ONE_OF(5, 1, 1, 2);
    is->instances = least(ONE_OF(6, 1, 1, 2, 3), plan->instances_most);
    is->events = ONE_OF(7, 30, 80, 200, 200, 400) * plan->events_percent / 100;
    is->events = is->events > 0 ? is->events : 1;
    is->active_us = UINT64_C(1000000) * ONE_OF(8, 10, 20, 40, 90);
    is->session_ms = ONE_OF(9, 3000, 6000, 10000);
    is->rebalance_ms = ONE_OF(10, 5000, 20000, 60000);
    is->latency_us = ONE_OF(11, 200, 1000, 5000, 40000);
    is->fetch_us = ONE_OF(12, 500, 5000, 60000);
    is->letter_us = ONE_OF(13, 1000, 20000, 300000);
    is->tombstone_skip = draw(14, 0, 1);
    is->multi_row = draw(15, 0, 1);
    is->cooperative = draw(16, 0, 1);
    is->static_members = draw(17, 0, 3) == 0;
    is->twins = draw(18, 0, 2) == 0;
    is->start = (mr_start)ONE_OF(19, MR_START_EARLIEST, MR_START_EARLIEST, MR_START_EARLIEST, MR_START_LATEST,
                                 MR_START_TIME, MR_START_ERROR);
    is->start_ms = EVENTS_BEGIN_MS + (int64_t)(is->active_us / 1000 * draw(20, 0, 60) / 100);
    is->sent_back = draw(21, 0, 3) == 0;
    if (sim_is_on(F_UNSEEN)) {
        is->latency_us = 40000;
        is->shards = is->shards > 1 ? is->shards : 2;
    }
    is->wide = draw(23, 0, 11) == 0;
    if (is->wide) {
        is->streams = is->consumers = 1;
        is->partitions[1] = 0;
        is->shards = least(is->shards, 2);
        is->events = 400 * plan->events_percent / 100 + 1;
    }
    if (is->sent_back)
        is->partitions[SENT_BACK] = least(ONE_OF(22, 1, 1, 2), plan->partitions_most);
}

/* ---- configuration ---- */

static void put(char **at, const char *end, const char *format, ...) MR_PRINTF(3, 4);

static void put(char **at, const char *end, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    *at += vsnprintf(*at, (size_t)(end - *at), format, arguments);
    va_end(arguments);
}

static const char columns[] =
    "\"columns\":[{\"name\":\"n\",\"from\":\"n\",\"type\":\"int64\",\"required\":true},"
    "{\"name\":\"type\",\"from\":\"type\",\"type\":\"string\",\"max_bytes\":16,\"required\":true},"
    "{\"name\":\"user_id\",\"from\":\"userId\",\"type\":\"string\",\"max_bytes\":32},"
    "{\"name\":\"message_id\",\"from\":\"messageId\",\"type\":\"string\",\"max_bytes\":32,\"required\":true},"
    "{\"name\":\"kafka_offset\",\"from\":\"@offset\",\"type\":\"int64\"},"
    "{\"name\":\"pad\",\"from\":\"pad\",\"type\":\"string\",\"max_bytes\":";

static mr_config *parse(uint32_t variant, uint32_t hold)
{
    char text[8192], *at = text;
    const char *end = text + sizeof text;
    put(&at, end,
        "{\"kafka\":{\"bootstrap_servers\":\"none:1\",\"group_id\":\"sim\"},\"dlq\":{\"replay_topic\":\"%s\"}"
        ","
        "\"slots\":64,\"streams\":[",
        world.is.sent_back ? topic_names[SENT_BACK] : "");
    for (uint32_t i = 0; i < world.is.streams; i++)
        put(&at, end,
            "%s{\"name\":\"%s\",\"topic\":\"%s\",\"table\":\"t%u\",\"key\":\"userId\",\"tombstone\":\"%s\","
            "\"id\":%s,%s%u}]}",
            i ? "," : "", topic_names[i], topic_names[i], i, world.is.tombstone_skip ? "skip" : "dlq",
            i ? "{\"columns\":[\"message_id\"]}" : "{\"column\":\"id\",\"from\":\"ksuid\"}", columns,
            world.is.wide ? 60000u : 1000u);
    put(&at, end, "],\"shards\":[");
    for (uint32_t i = 0; i < world.is.shards; i++) /* the other variant has the slots in another order */
        put(&at, end, "%s{\"name\":\"s%u\",\"host\":\"h\",\"user\":\"u\",\"database\":\"d\",\"hold\":%s}",
            i ? "," : "", world_shard(variant, i), world_shard(variant, i) == hold ? "true" : "false");
    put(&at, end, "]}");
    static char *no_environment[] = {NULL};
    mr_findings findings = {0};
    mr_config *config;
    if (mr_config_parse("sim", text, strlen(text), no_environment, &config, &findings))
        sim_fail("simulator", "configuration: %s: %s", findings.at[0].where, findings.at[0].what);
    mr_findings_free(&findings);
    return config;
}

static void set_numbers(mr_config *config)
{
    config->kafka.consumer_threads = world.is.consumers;
    config->kafka.start = world.is.start;
    config->kafka.start_ms = world.is.start_ms;
    config->kafka.commit_interval_ms = ONE_OF(30, 20, 100, 1000, 3000);
    config->kafka.rebalance_drain_s = ONE_OF(31, 0, 1, 2);
    config->kafka.out_of_range_earliest = draw(32, 0, 1);
    config->batch.max_rows = ONE_OF(33, 1, 5, 50, 5000);
    config->batch.max_bytes = ONE_OF(34, 150, 500, 2000, 8000000);
    config->batch.linger_ms = ONE_OF(35, 0, 20, 200);
    config->retry.tick_ms = ONE_OF(36, 1, 10, 100);
    config->retry.backoff_min_ms = ONE_OF(37, 1, 100, 500);
    config->retry.backoff_max_ms = ONE_OF(38, 500, 2000, 10000);
    config->retry.attempts_max = ONE_OF(39, 1, 3, 10);
    config->park.pool_share_percent = ONE_OF(40, 10, 25, 50);
    config->park.after_s = ONE_OF(41, 1, 3, 10);
    config->park.probe_min_ms = ONE_OF(42, 10, 100, 500);
    config->park.probe_max_ms = ONE_OF(43, 1000, 5000);
    config->dlq.per_minute_max = world.is.wide ? 0 : ONE_OF(44, 0, 0, 0, 20);
    config->dlq.drift_percent = world.is.wide ? 100 : ONE_OF(45, 50, 100);
    config->shutdown.grace_s = ONE_OF(46, 10, 25);
    if (sim_is_on(
            F_UNSEEN)) { /* what an offset passes that is open, or on its way, is seen by a commit in between */
        config->kafka.commit_interval_ms = 20;
        config->batch.linger_ms = 200;
        config->park.probe_min_ms = 10;
    }
    for (uint32_t i = 0; i < world.is.shards; i++)
        config->shards[i].connect_timeout_s = config->shards[i].read_timeout_s =
            config->shards[i].write_timeout_s = ONE_OF(47, 1, 3, 10);
    /* As little memory as is accepted: pages are what runs out. */
    mr_layout layout;
    uint32_t largest = 0, triples = world.is.consumers * world.is.streams * world.is.shards;
    for (size_t i = 0; i < config->stream_count; i++) {
        mr_stream_layout(&config->streams[i], &layout);
        uint32_t size = mr_page_row_bytes(layout.size);
        largest = size > largest ? size : largest;
    }
    config->memory.pool_mib = (4 * triples * 64 * largest + (1 << 20) - 1) >> 20;
}

mr_config *configure(uint32_t variant, uint32_t hold)
{
    mr_config *config = parse(variant, hold);
    set_numbers(config);
    return config;
}
