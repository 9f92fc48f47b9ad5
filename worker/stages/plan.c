#include "stages/plan.h"

#include <string.h>
#include <strings.h>

#include "data/pool.h"
#include "stages/decode.h"

#define QUEUE_BACKOFF 0x02020000 /* the first librdkafka with fetch.queue.backoff.ms */

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

mr_status mr_plan_make(const mr_config *config, mr_arena *arena, mr_plan *plan, mr_error *error)
{
    uint32_t largest = 0, smallest = UINT32_MAX;
    plan->layouts = mr_arena_take(arena, "layouts", config->stream_count, sizeof *plan->layouts);
    for (size_t i = 0; i < config->stream_count; i++) {
        mr_stream_layout(&config->streams[i], &plan->layouts[i]);
        uint32_t size = mr_page_row_bytes(plan->layouts[i].size);
        largest = size > largest ? size : largest;
        smallest = size < smallest ? size : smallest;
    }
    uint64_t pool = (uint64_t)config->memory.pool_mib << 20;
    uint64_t triples = (uint64_t)config->kafka.consumer_threads * config->stream_count * config->shard_count;
    uint64_t page = pool / (4 * triples);
    if (page / largest < MR_PAGE_ROWS_MIN) {
        uint64_t needed = (4 * triples * MR_PAGE_ROWS_MIN * largest + (1 << 20) - 1) >> 20;
        return mr_fail(
            error, MR_CONFIG,
            "memory.pool_mib %u is too small for %u consumer threads x %zu streams x %zu shards with "
            "records of %u bytes: set it to at least %llu, or lower max_bytes of the columns",
            config->memory.pool_mib, config->kafka.consumer_threads, config->stream_count,
            config->shard_count, largest, (unsigned long long)needed);
    }
    page = least(page, (uint64_t)largest * MR_PAGE_ROWS_MAX);
    uint64_t wanted = config->batch.max_bytes > (uint64_t)largest * MR_PAGE_ROWS_MIN
                          ? config->batch.max_bytes
                          : (uint64_t)largest * MR_PAGE_ROWS_MIN;
    page = least(page, wanted) & ~UINT64_C(63);
    plan->page_bytes = (uint32_t)page;
    plan->rows_page = (uint32_t)(page / largest);
    plan->pages_each = (uint32_t)(pool / config->kafka.consumer_threads / page);
    /* A hold has at least one row of its page behind it, and a page holds each partition once; but for messages that were sent back, whose streams,
     * and so pages, may alternate. */
    uint64_t holds_page = page / smallest;
    if (!config->dlq.replay_topic[0])
        holds_page = least(holds_page, MR_PARTITIONS_EACH);
    plan->holds_each = plan->pages_each * (uint32_t)holds_page + MR_DEAD_LETTERS_EACH;
    return MR_OK;
}

static bool log_in(const mr_properties *properties)
{
    for (size_t i = 0; i < properties->count; i++)
        if (!strcmp(properties->at[i].name, "security.protocol") &&
            !strncasecmp(properties->at[i].value, "sasl", 4))
            return true;
    return false;
}

mr_fetching mr_plan_fetching(const mr_config *config, int librdkafka)
{
    if (librdkafka >= QUEUE_BACKOFF)
        return MR_FETCH_GOES_ON;
    return log_in(&config->kafka.properties) || log_in(&config->kafka.consumer_properties) ? MR_FETCH_STALLS
                                                                                           : MR_FETCH_WOKEN;
}

uint32_t mr_plan_fetch_mib(const mr_config *config, int librdkafka)
{
    if (config->memory.fetch_mib > 0)
        return config->memory.fetch_mib;
    return mr_plan_fetching(config, librdkafka) == MR_FETCH_STALLS ? MR_FETCH_MIB_STALLS : MR_FETCH_MIB;
}

uint64_t mr_plan_libraries(const mr_config *config, const mr_plan *plan, int librdkafka)
{
    return 2 * ((uint64_t)mr_plan_fetch_mib(config, librdkafka) << 21) + (UINT64_C(64) << 20) +
           4 * (uint64_t)plan->page_bytes * config->shard_count * config->batch.connections;
}
