/* Counting. */
#include "stages/metrics.h"

#include <string.h>

#include "base/log.h"
#include "base/must.h"
#include "metrics_private.h"
#include "stages/dberror.h"
#include "stages/reason.h"
#include "stages/snapshot.h"

const mr_family mr_families[MR_M_COUNT] = {
#define X(id, name, type, a, b, scale, bounds, help) [id] = {name, type, a, b, scale, bounds, help},
    MR_METRICS(X)
#undef X
};

static const uint64_t rows[] = {1,   2,    5,    10,   20,    50,    100,   200,
                                500, 1000, 2000, 5000, 10000, 20000, 50000, 100000};
static const uint64_t write_us[] = {100,     250,     500,     1000,     2500,     5000,
                                    10000,   25000,   50000,   100000,   250000,   500000,
                                    1000000, 2500000, 5000000, 10000000, 30000000, 60000000};
static const uint64_t age_ms[] = {1,    2,    5,     10,    20,    50,     100,    200,    500,     1000,
                                  2000, 5000, 10000, 30000, 60000, 120000, 300000, 600000, 1800000, 3600000};

#define LIST(array)                                                                                          \
    {                                                                                                        \
        array, sizeof(array) / sizeof *(array)                                                               \
    }
const mr_bound_list mr_bound_lists[BOUNDS_COUNT] = {
    [ROWS] = LIST(rows), [WRITE_US] = LIST(write_us), [AGE_MS] = LIST(age_ms)};

const char *mr_shard_state_name(mr_shard_state state)
{
    static const char *const name[] = {
        [MR_SHARD_LIVE] = "live",     [MR_SHARD_RETRYING] = "retrying", [MR_SHARD_PARKED] = "parked",
        [MR_SHARD_REPLAY] = "replay", [MR_SHARD_HELD] = "held",
    };
    _Static_assert(sizeof name / sizeof *name == MR_SHARD_STATE_COUNT, "every state has a name");
    must(state < MR_SHARD_STATE_COUNT);
    return name[state];
}

uint32_t mr_label_extent(const mr_config *config, mr_label label)
{
    switch (label) {
    case NONE:
    case TOPIC:
        return 1;
    case STREAM:
        return (uint32_t)config->stream_count;
    case SHARD:
        return (uint32_t)config->shard_count;
    case REASON:
        return MR_REASON_COUNT;
    case RELEASED:
        return MR_RELEASED_COUNT;
    case STATE:
        return MR_SHARD_STATE_COUNT;
    case CLASS:
        return MR_DB_CLASS_COUNT;
    case PATH:
        return 2;
    case CAUSE:
        return MR_CAUSE_COUNT;
    }
    return 0;
}

/* Cells that one pair of labels takes. */
static uint32_t width_of(mr_metric_id id)
{
    return mr_families[id].type == HISTOGRAM ? mr_bound_lists[mr_families[id].bounds].count + 2 : 1;
}

mr_metrics *mr_metrics_new(const mr_config *config, mr_arena *arena, uint32_t partitions_max)
{
    static const char part[] = "metrics";
    mr_metrics *metrics = mr_arena_take(arena, part, 1, sizeof *metrics);
    uint32_t cells = 0;
    metrics->config = config;
    metrics->fingerprint = mr_fingerprint(config);
    metrics->process = (mr_process_gauges){-1, -1, -1, -1, -1, -1};
    for (int id = 0; id < MR_M_COUNT; id++) {
        metrics->first[id] = cells;
        metrics->extent_a[id] = mr_label_extent(config, mr_families[id].a);
        metrics->extent_b[id] = mr_label_extent(config, mr_families[id].b);
        cells += metrics->extent_a[id] * metrics->extent_b[id] * width_of((mr_metric_id)id);
    }
    metrics->cells = mr_arena_take(arena, part, cells, sizeof *metrics->cells);
    for (uint32_t shard = 0; shard < config->shard_count; shard++)
        mr_metric_absent(metrics, MR_M_RETENTION_REMAINING, shard, 0);
    metrics->db_codes =
        mr_arena_take(arena, part, config->shard_count * MR_DB_CODES, sizeof *metrics->db_codes);
    pthread_mutex_init(&metrics->lock, NULL);
    metrics->topics_max = partitions_max < MR_METRICS_TOPICS ? partitions_max : MR_METRICS_TOPICS;
    metrics->topics = mr_arena_take(arena, part, metrics->topics_max, sizeof *metrics->topics);
    metrics->partitions_max = partitions_max;
    metrics->partitions = mr_arena_take(arena, part, partitions_max, sizeof *metrics->partitions);
    return metrics;
}

static void copy_text(char *to, size_t cap, const char *from)
{
    mr_buf buf = mr_buf_over(to, cap);
    mr_buf_text(&buf, from);
}

void mr_metrics_info(mr_metrics *metrics, const char *librdkafka, const char *mariadb_connector,
                     uint64_t config_hash)
{
    copy_text(metrics->librdkafka, sizeof metrics->librdkafka, librdkafka);
    copy_text(metrics->mariadb_connector, sizeof metrics->mariadb_connector, mariadb_connector);
    metrics->config_hash = config_hash;
}

/* ---- counting ---- */

_Atomic uint64_t *mr_metric_cells(const mr_metrics *metrics, mr_metric_id id, uint32_t a, uint32_t b)
{
    must(a < metrics->extent_a[id] && b < metrics->extent_b[id]);
    return &metrics->cells[metrics->first[id] + (a * metrics->extent_b[id] + b) * width_of(id)];
}

void mr_metric_add(mr_metrics *metrics, mr_metric_id id, uint32_t a, uint32_t b, uint64_t delta)
{
    must(mr_families[id].type != HISTOGRAM);
    atomic_fetch_add_explicit(mr_metric_cells(metrics, id, a, b), delta, memory_order_relaxed);
}

void mr_metric_set(mr_metrics *metrics, mr_metric_id id, uint32_t a, uint32_t b, uint64_t value)
{
    must(mr_families[id].type != HISTOGRAM);
    atomic_store_explicit(mr_metric_cells(metrics, id, a, b), value, memory_order_relaxed);
}

void mr_metric_absent(mr_metrics *metrics, mr_metric_id id, uint32_t a, uint32_t b)
{
    must(mr_families[id].type == GAUGE);
    mr_metric_set(metrics, id, a, b, MR_CELL_ABSENT);
}

static const mr_bound_list *bounds_of(mr_metric_id id)
{
    must(mr_families[id].type == HISTOGRAM);
    return &mr_bound_lists[mr_families[id].bounds];
}

static uint32_t bucket_of(const mr_bound_list *bounds, uint64_t value)
{
    uint32_t bucket = 0;
    while (bucket < bounds->count && value > bounds->at[bucket])
        bucket++;
    return bucket;
}

void mr_metric_observe(mr_metrics *metrics, mr_metric_id id, uint32_t a, uint32_t b, uint64_t value,
                       uint64_t times)
{
    const mr_bound_list *bounds = bounds_of(id);
    _Atomic uint64_t *cells = mr_metric_cells(metrics, id, a, b);
    atomic_fetch_add_explicit(&cells[bucket_of(bounds, value)], times, memory_order_relaxed);
    atomic_fetch_add_explicit(&cells[bounds->count + 1], value * times, memory_order_relaxed);
}

/* In runs: neighbours are mostly of one bucket. */
void mr_metric_observe_since(mr_metrics *metrics, mr_metric_id id, uint32_t a, uint32_t b, int64_t now,
                             const int64_t *since, uint32_t count)
{
    const mr_bound_list *bounds = bounds_of(id);
    _Atomic uint64_t *cells = mr_metric_cells(metrics, id, a, b);
    uint64_t sum = 0, times = 0, least = 0, most = 0; /* what the run's bucket holds */
    uint32_t bucket = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (since[i] < 0)
            continue;
        uint64_t value = now > since[i] ? (uint64_t)(now - since[i]) : 0;
        if (value < least || value > most) {
            atomic_fetch_add_explicit(&cells[bucket], times, memory_order_relaxed);
            times = 0;
            bucket = bucket_of(bounds, value);
            least = bucket > 0 ? bounds->at[bucket - 1] + 1 : 0;
            most = bucket < bounds->count ? bounds->at[bucket] : UINT64_MAX;
        }
        times++;
        sum += value;
    }
    atomic_fetch_add_explicit(&cells[bucket], times, memory_order_relaxed);
    atomic_fetch_add_explicit(&cells[bounds->count + 1], sum, memory_order_relaxed);
}

/* The code's place in the shard's table; NULL: the table is full. */
static mr_db_code *code_place(mr_metrics *metrics, uint32_t shard, uint32_t db_class, unsigned code)
{
    mr_db_code *codes = &metrics->db_codes[shard * MR_DB_CODES];
    uint64_t key = (uint64_t)(db_class + 1) << 32 | code;
    for (uint32_t i = 0; i < MR_DB_CODES; i++) {
        mr_db_code *one = &codes[(code + db_class + i) & (MR_DB_CODES - 1)];
        uint64_t found = 0;
        if (atomic_compare_exchange_strong(&one->key, &found, key) || found == key)
            return one;
    }
    return NULL;
}

void mr_metric_db_error(mr_metrics *metrics, uint32_t shard, uint32_t db_class, unsigned code)
{
    _Atomic uint64_t *other = mr_metric_cells(metrics, MR_M_DB_ERRORS, shard, db_class);
    mr_db_code *place = code_place(metrics, shard, db_class, code);
    atomic_fetch_add_explicit(place ? &place->count : other, 1, memory_order_relaxed);
}

uint64_t mr_metric_get(const mr_metrics *metrics, mr_metric_id id, uint32_t a, uint32_t b)
{
    _Atomic uint64_t *cells = mr_metric_cells(metrics, id, a, b);
    uint64_t sum = atomic_load_explicit(&cells[0], memory_order_relaxed);
    if (mr_families[id].type == GAUGE && sum == MR_CELL_ABSENT)
        return 0;
    if (mr_families[id].type == HISTOGRAM)
        for (uint32_t i = 1; i <= mr_bound_lists[mr_families[id].bounds].count; i++)
            sum += atomic_load_explicit(&cells[i], memory_order_relaxed);
    if (id == MR_M_DB_ERRORS)
        for (uint32_t i = 0; i < MR_DB_CODES; i++) {
            mr_db_code *one = &metrics->db_codes[a * MR_DB_CODES + i];
            if (atomic_load_explicit(&one->key, memory_order_relaxed) >> 32 == b + 1)
                sum += atomic_load_explicit(&one->count, memory_order_relaxed);
        }
    return sum;
}

uint64_t mr_metric_sum(const mr_metrics *metrics, mr_metric_id id, uint32_t a, uint32_t b)
{
    must(mr_families[id].type == HISTOGRAM);
    _Atomic uint64_t *cells = mr_metric_cells(metrics, id, a, b);
    return atomic_load_explicit(&cells[mr_bound_lists[mr_families[id].bounds].count + 1],
                                memory_order_relaxed);
}

/* ---- topics and partitions ---- */

/* The topic's entry, made when it is new; MR_METRICS_TOPICS: there is no room. With the lock held. */
static uint32_t topic_index(mr_metrics *metrics, const char *topic)
{
    uint32_t place = MR_METRICS_TOPICS;
    for (uint32_t i = 0; i < metrics->topics_used; i++) {
        if (metrics->topics[i].used && strcmp(metrics->topics[i].name, topic) == 0)
            return i;
        if (!metrics->topics[i].used && place == MR_METRICS_TOPICS)
            place = i;
    }
    if (place == MR_METRICS_TOPICS && metrics->topics_used < metrics->topics_max)
        place = metrics->topics_used++;
    if (place != MR_METRICS_TOPICS) {
        metrics->topics[place] = (mr_topic_entry){.used = true};
        copy_text(metrics->topics[place].name, sizeof metrics->topics[place].name, topic);
    } else if (!metrics->topics_full_said) {
        metrics->topics_full_said = true;
        mr_log(MR_LOG_WARN, "metrics_full", MR_FIELDS(.topic = topic),
               "metrics tell %u topics apart: this one and further ones are left out", metrics->topics_max);
    }
    return place;
}

static void forget_if_unused(mr_topic_entry *topic)
{
    topic->used = topic->partitions > 0 || topic->assigned > 0;
}

void mr_metrics_partition_open(mr_metrics *metrics, uint32_t slot, const char *topic, int32_t partition)
{
    must(slot < metrics->partitions_max && !metrics->partitions[slot].open);
    mr_metrics_partition_set(metrics, slot,
                             &(mr_partition_gauges){.committed = -1, .frontier = -1, .end = -1});
    pthread_mutex_lock(&metrics->lock);
    mr_partition_entry *entry = &metrics->partitions[slot];
    entry->topic = topic_index(metrics, topic);
    entry->partition = partition;
    entry->open = true;
    if (entry->topic != MR_METRICS_TOPICS)
        metrics->topics[entry->topic].assigned++;
    if (slot >= metrics->partitions_used)
        metrics->partitions_used = slot + 1;
    pthread_mutex_unlock(&metrics->lock);
}

void mr_metrics_partition_set(mr_metrics *metrics, uint32_t slot, const mr_partition_gauges *gauges)
{
    must(slot < metrics->partitions_max);
    mr_partition_entry *entry = &metrics->partitions[slot];
    atomic_store_explicit(&entry->committed, gauges->committed, memory_order_relaxed);
    atomic_store_explicit(&entry->frontier, gauges->frontier, memory_order_relaxed);
    atomic_store_explicit(&entry->end, gauges->end, memory_order_relaxed);
    atomic_store_explicit(&entry->frontier_moved_ms, gauges->frontier_moved_ms, memory_order_relaxed);
    atomic_store_explicit(&entry->last_commit_wall_ms, gauges->last_commit_wall_ms, memory_order_relaxed);
    atomic_store_explicit(&entry->held, gauges->held, memory_order_relaxed);
}

void mr_metrics_partition_close(mr_metrics *metrics, uint32_t slot)
{
    must(slot < metrics->partitions_max && metrics->partitions[slot].open);
    pthread_mutex_lock(&metrics->lock);
    mr_partition_entry *entry = &metrics->partitions[slot];
    entry->open = false;
    if (entry->topic != MR_METRICS_TOPICS) {
        metrics->topics[entry->topic].assigned--;
        forget_if_unused(&metrics->topics[entry->topic]);
    }
    pthread_mutex_unlock(&metrics->lock);
}

void mr_metrics_topic(mr_metrics *metrics, const char *topic, uint32_t partitions)
{
    pthread_mutex_lock(&metrics->lock);
    uint32_t index = topic_index(metrics, topic);
    if (index != MR_METRICS_TOPICS) {
        metrics->topics[index].partitions = partitions;
        forget_if_unused(&metrics->topics[index]);
    }
    pthread_mutex_unlock(&metrics->lock);
}

void mr_metrics_process(mr_metrics *metrics, const mr_process_gauges *gauges)
{
    metrics->process = *gauges;
}
