/* gate_world.h: the gates of a few shards, for test_gate.c and test_gate_blame.c. */
#ifndef MR_TESTS_GATE_WORLD_H
#define MR_TESTS_GATE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "threads/gate.h"

enum { NOW = 100000, SHARDS = 3, PAGES = 100 };

static mr_config *config;
static mr_arena *arena;
static mr_gates gates;

/* With the defaults: a share of 25 % and 10 s without success; shards whose bit is set in `held` are on hold. */
static inline void start(int shards, unsigned held)
{
    char text[4096];
    mr_findings findings = {0};
    int len = snprintf(text, sizeof text,
                       "{\"kafka\":{\"bootstrap_servers\":\"b\",\"group_id\":\"g\"},\"streams\":[{\"name\":"
                       "\"s\",\"topic\":\"t\",\"table\":\"t\",\"id\":{\"column\":\"id\",\"from\":\"ksuid\"},"
                       "\"columns\":[{\"name\":\"a\",\"from\":\"a\",\"type\":\"int64\"}]}],\"shards\":[");
    for (int i = 0; i < shards; i++)
        len += snprintf(text + len, sizeof text - (size_t)len,
                        "%s{\"name\":\"s%d\",\"host\":\"h\",\"user\":\"u\",\"database\":\"d\",\"hold\":%s}",
                        i ? "," : "", i, held >> i & 1 ? "true" : "false");
    snprintf(text + len, sizeof text - (size_t)len, "]}");
    if (mr_config_parse("test", text, strlen(text), NULL, &config, &findings))
        fail_msg("%s: %s", findings.at[0].where, findings.at[0].what);
    mr_findings_free(&findings);
    arena = mr_arena_new();
    mr_gates_init(&gates, config, arena);
}

static inline void finish(void)
{
    mr_arena_free(arena);
    mr_config_free(config);
}

static inline void set(uint32_t shard, mr_gate_state to)
{
    atomic_store(&gates.at[shard].state, to);
}

/* It has work since `for_ms` before NOW, and had no success since. */
static inline void without_success(uint32_t shard, uint64_t for_ms)
{
    mr_gate_work(&gates, shard, 1, NOW - for_ms);
}

static inline bool park(uint32_t shard)
{
    return mr_gate_park(&gates, shard, NOW, "because");
}

static inline void assert_state(uint32_t shard, mr_gate_state state)
{
    assert_int_equal(mr_gate_now(&gates, shard), state);
}

#endif
