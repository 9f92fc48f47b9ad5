/* The metrics as text: Prometheus 0.0.4 and OpenMetrics 1.0, which differ in the metadata of counters and info metrics, in the
 * end, and in nothing else: a bucket's bound reads 60.0 in both, because Prometheus 3 stores that for either, and a bound
 * that changed with the format would be another series. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "metrics_private.h"
#include "stages/dberror.h"
#include "stages/reason.h"

typedef struct page {
    mr_metrics *metrics;
    mr_buf *out;
    bool openmetrics;
    uint64_t now_ms; /* monotonic */
} page;

/* ---- pieces ---- */

static const char *const type_name[] = {"counter", "gauge", "histogram"};

static const char *const label_name[] = {
    [STREAM] = "stream", [SHARD] = "shard", [REASON] = "reason", [RELEASED] = "reason", [STATE] = "state",
    [CLASS] = "class",   [PATH] = "path",   [CAUSE] = "cause",   [TOPIC] = "topic",
};

static const char *label_value(const mr_config *config, mr_label label, uint32_t i)
{
    static const char *const released[] = {
        [MR_RELEASED_EPOCH] = "epoch_over", [MR_RELEASED_PARKED] = "parked"};
    static const char *const path[] = {"live", "replay"};
    static const char *const cause[] = {
        [MR_CAUSE_POOL] = "pool", [MR_CAUSE_DLQ] = "dlq", [MR_CAUSE_SHARDS] = "shards"};
    _Static_assert(sizeof released / sizeof *released == MR_RELEASED_COUNT, "every reason has a label");
    _Static_assert(sizeof cause / sizeof *cause == MR_CAUSE_COUNT, "every cause has a label");
    switch (label) {
    case STREAM:
        return config->streams[i].name;
    case SHARD:
        return config->shards[i].name;
    case REASON:
        return mr_reason_name((mr_reason)i);
    case RELEASED:
        return released[i];
    case STATE:
        return mr_shard_state_name((mr_shard_state)i);
    case CLASS:
        return mr_db_class_name((mr_db_class)i);
    case PATH:
        return path[i];
    case CAUSE:
        return cause[i];
    default:
        return NULL;
    }
}

/* The first value of the enum behind a label says that nothing is wrong: that is no series. */
static uint32_t first_value(mr_label label)
{
    return label == REASON || label == CLASS ? 1 : 0;
}

/* Labels of a sample, in the order they were added. */
typedef struct label_list {
    struct {
        const char *name, *value;
    } at[4];
    size_t count;
} label_list;

static void add_label(label_list *labels, const char *name, const char *value)
{
    labels->at[labels->count].name = name;
    labels->at[labels->count++].value = value;
}

static void put_escaped(mr_buf *out, const char *value)
{
    for (size_t plain; *value; value += plain) {
        plain = strcspn(value, "\\\"\n");
        mr_buf_put(out, value, plain);
        if (!value[plain])
            break;
        mr_buf_text(out, value[plain] == '\n' ? "\\n" : value[plain] == '"' ? "\\\"" : "\\\\");
        plain++;
    }
}

static void put_name(mr_buf *out, const char *name, const char *suffix, const label_list *labels)
{
    mr_buf_text(out, name);
    mr_buf_text(out, suffix);
    for (size_t i = 0; i < labels->count; i++) {
        mr_buf_text(out, i == 0 ? "{" : ",");
        mr_buf_text(out, labels->at[i].name);
        mr_buf_text(out, "=\"");
        put_escaped(out, labels->at[i].value);
        mr_buf_text(out, "\"");
    }
    mr_buf_text(out, labels->count > 0 ? "} " : " ");
}

/* value / scale, exactly, without closing zeros. */
static void print_scaled(char *text, size_t cap, uint64_t value, uint32_t scale, bool with_point)
{
    int digits = scale == MICROS ? 6 : scale == MILLIS ? 3 : 0;
    int len = snprintf(text, cap, "%llu", (unsigned long long)(value / scale));
    uint64_t rest = value % scale;
    if (rest > 0)
        len += snprintf(text + len, cap - (size_t)len, ".%0*llu", digits, (unsigned long long)rest);
    while (rest > 0 && text[len - 1] == '0')
        text[--len] = 0;
    if (rest == 0 && with_point)
        snprintf(text + len, cap - (size_t)len, ".0");
}

static void put_value(mr_buf *out, uint64_t value, uint32_t scale)
{
    char text[48];
    print_scaled(text, sizeof text, value, scale, false);
    mr_buf_text(out, text);
    mr_buf_text(out, "\n");
}

static void put_sample(page *to, const char *name, const label_list *labels, uint64_t value, uint32_t scale)
{
    put_name(to->out, name, "", labels);
    put_value(to->out, value, scale);
}

/* What OpenMetrics calls the family: without the suffix that its samples have. */
static void put_family(page *to, const char *name, const char *type, const char *help)
{
    static const char total[] = "_total", info[] = "_info";
    size_t len = strlen(name);
    bool is_info = strcmp(type, "info") == 0;
    if (to->openmetrics && strcmp(type, "counter") == 0)
        len -= sizeof total - 1;
    if (to->openmetrics && is_info)
        len -= sizeof info - 1;
    if (!to->openmetrics && is_info)
        type = "gauge";
    mr_buf_printf(to->out, "# HELP %.*s %s\n# TYPE %.*s %s\n", (int)len, name, help, (int)len, name, type);
}

/* ---- what is counted in cells ---- */

static void put_histogram(page *to, const mr_family *family, label_list labels, const _Atomic uint64_t *cells)
{
    const mr_bound_list *bounds = &mr_bound_lists[family->bounds];
    uint64_t below = 0;
    label_list with_bound = labels;
    char bound[48];
    add_label(&with_bound, "le", bound);
    for (uint32_t i = 0; i <= bounds->count; i++) {
        below += atomic_load_explicit(&cells[i], memory_order_relaxed);
        if (i < bounds->count)
            print_scaled(bound, sizeof bound, bounds->at[i], family->scale, true);
        else
            snprintf(bound, sizeof bound, "+Inf");
        put_name(to->out, family->name, "_bucket", &with_bound);
        put_value(to->out, below, ONES);
    }
    put_name(to->out, family->name, "_sum", &labels);
    put_value(to->out, atomic_load_explicit(&cells[bounds->count + 1], memory_order_relaxed), family->scale);
    put_name(to->out, family->name, "_count", &labels);
    put_value(to->out, below, ONES); /* the buckets' own sum: the two never disagree */
}

static void put_db_errors(page *to, const mr_family *family, label_list labels, uint32_t shard,
                          uint32_t db_class, uint64_t beyond)
{
    char text[16];
    add_label(&labels, "code", text);
    for (uint32_t i = 0; i < MR_DB_CODES; i++) {
        mr_db_code *one = &to->metrics->db_codes[shard * MR_DB_CODES + i];
        uint64_t key = atomic_load_explicit(&one->key, memory_order_relaxed);
        if (key >> 32 != db_class + 1)
            continue;
        snprintf(text, sizeof text, "%u", (unsigned)(key & UINT32_MAX));
        put_sample(to, family->name, &labels, atomic_load_explicit(&one->count, memory_order_relaxed), ONES);
    }
    snprintf(text, sizeof text, "other");
    if (beyond > 0)
        put_sample(to, family->name, &labels, beyond, ONES);
}

static void put_cells(page *to, mr_metric_id id, uint32_t a, uint32_t b)
{
    const mr_family *family = &mr_families[id];
    const mr_config *config = to->metrics->config;
    const _Atomic uint64_t *cells = mr_metric_cells(to->metrics, id, a, b);
    label_list labels = {.count = 0};
    if (family->a != NONE)
        add_label(&labels, label_name[family->a], label_value(config, family->a, a));
    if (family->b != NONE)
        add_label(&labels, label_name[family->b], label_value(config, family->b, b));
    if (family->type == HISTOGRAM) {
        put_histogram(to, family, labels, cells);
        return;
    }
    uint64_t value = atomic_load_explicit(&cells[0], memory_order_relaxed);
    if (family->type == GAUGE && value == MR_CELL_ABSENT)
        return;
    if (id == MR_M_DB_ERRORS)
        put_db_errors(to, family, labels, a, b, value);
    else if (family->type == GAUGE && (int64_t)value < 0) /* lowered by one thread before another raised it */
        put_sample(to, family->name, &labels, 0, family->scale);
    else
        put_sample(to, family->name, &labels, value, family->scale);
}

static void put_topics(page *to, mr_metric_id id)
{
    for (uint32_t i = 0; i < to->metrics->topics_used; i++) {
        const mr_topic_entry *topic = &to->metrics->topics[i];
        label_list labels = {.count = 0};
        add_label(&labels, "topic", topic->name);
        if (!topic->used || (id == MR_M_TOPIC_PARTITIONS && topic->partitions == 0))
            continue;
        put_sample(to, mr_families[id].name, &labels,
                   id == MR_M_TOPIC_PARTITIONS ? topic->partitions : topic->assigned, ONES);
    }
}

static void put_table(page *to)
{
    for (int id = 0; id < MR_M_COUNT; id++) {
        const mr_family *family = &mr_families[id];
        put_family(to, family->name, type_name[family->type], family->help);
        if (family->a == TOPIC) {
            put_topics(to, (mr_metric_id)id);
            continue;
        }
        for (uint32_t a = first_value(family->a); a < to->metrics->extent_a[id]; a++)
            for (uint32_t b = first_value(family->b); b < to->metrics->extent_b[id]; b++)
                put_cells(to, (mr_metric_id)id, a, b);
    }
}

/* ---- partitions ---- */

/* Each says its value in `scale` units, or false: not known. */
static bool held_of(const page *to, const mr_partition_entry *entry, uint64_t *value)
{
    (void)to;
    *value = atomic_load_explicit(&entry->held, memory_order_relaxed);
    return true;
}

static bool committed_of(const page *to, const mr_partition_entry *entry, uint64_t *value)
{
    (void)to;
    int64_t committed = atomic_load_explicit(&entry->committed, memory_order_relaxed);
    *value = (uint64_t)committed;
    return committed >= 0;
}

static bool frontier_of(const page *to, const mr_partition_entry *entry, uint64_t *value)
{
    (void)to;
    int64_t frontier = atomic_load_explicit(&entry->frontier, memory_order_relaxed);
    *value = (uint64_t)frontier;
    return frontier >= 0;
}

static bool lag_of(const page *to, const mr_partition_entry *entry, uint64_t *value)
{
    uint64_t committed;
    int64_t end = atomic_load_explicit(&entry->end, memory_order_relaxed);
    bool known = committed_of(to, entry, &committed) && end >= 0;
    *value = known && (uint64_t)end > committed ? (uint64_t)end - committed : 0;
    return known;
}

static bool frontier_age_of(const page *to, const mr_partition_entry *entry, uint64_t *value)
{
    uint64_t moved_ms = atomic_load_explicit(&entry->frontier_moved_ms, memory_order_relaxed);
    *value = moved_ms > 0 && to->now_ms > moved_ms ? to->now_ms - moved_ms : 0;
    return true;
}

static bool last_commit_of(const page *to, const mr_partition_entry *entry, uint64_t *value)
{
    (void)to;
    int64_t at = atomic_load_explicit(&entry->last_commit_wall_ms, memory_order_relaxed);
    *value = (uint64_t)at;
    return at > 0;
}

static const struct {
    const char *name;
    bool (*value)(const page *to, const mr_partition_entry *entry, uint64_t *value);
    mr_unit_scale scale;
    const char *help;
} partition_gauges[] = {
    {"millrace_partition_held", held_of, ONES,
     "1: the partition is held until somebody decides; the log says why."},
    {"millrace_partition_lag", lag_of, ONES, "Log end minus committed offset."},
    {"millrace_committed_offset", committed_of, ONES, "Offset that the group has committed."},
    {"millrace_frontier_offset", frontier_of, ONES, "Lowest offset that is not settled yet."},
    {"millrace_frontier_age_seconds", frontier_age_of, MILLIS,
     "Since when the frontier stands still with something outstanding; else 0."},
    {"millrace_last_commit_timestamp_seconds", last_commit_of, MILLIS,
     "Time of the last commit, since 1970."},
};

static void put_partitions(page *to)
{
    for (size_t i = 0; i < sizeof partition_gauges / sizeof *partition_gauges; i++) {
        put_family(to, partition_gauges[i].name, "gauge", partition_gauges[i].help);
        for (uint32_t slot = 0; slot < to->metrics->partitions_used; slot++) {
            const mr_partition_entry *entry = &to->metrics->partitions[slot];
            char number[16];
            uint64_t value;
            if (!entry->open || entry->topic == MR_METRICS_TOPICS ||
                !partition_gauges[i].value(to, entry, &value))
                continue;
            label_list labels = {.count = 0};
            snprintf(number, sizeof number, "%d", entry->partition);
            add_label(&labels, "topic", to->metrics->topics[entry->topic].name);
            add_label(&labels, "partition", number);
            put_sample(to, partition_gauges[i].name, &labels, value, partition_gauges[i].scale);
        }
    }
}

/* ---- the process ---- */

static void put_info(page *to)
{
    const mr_metrics *metrics = to->metrics;
    char fingerprint[24], file[24];
    label_list labels = {.count = 0};
    add_label(&labels, "version", MILLRACE_VERSION);
    if (metrics->librdkafka[0])
        add_label(&labels, "librdkafka", metrics->librdkafka);
    if (metrics->mariadb_connector[0])
        add_label(&labels, "mariadb_connector", metrics->mariadb_connector);
    put_family(to, "millrace_build_info", "info",
               "Versions of this program and of the libraries that it runs with.");
    put_sample(to, "millrace_build_info", &labels, 1, ONES);

    labels.count = 0;
    snprintf(fingerprint, sizeof fingerprint, "%016llx", (unsigned long long)metrics->fingerprint);
    snprintf(file, sizeof file, "%016llx", (unsigned long long)metrics->config_hash);
    add_label(&labels, "fingerprint", fingerprint);
    if (metrics->config_hash)
        add_label(&labels, "file", file);
    put_family(
        to, "millrace_config_info", "info",
        "Fingerprints: of the rules that commits carry (slots, keys, identities), and of the file's bytes.");
    put_sample(to, "millrace_config_info", &labels, 1, ONES);
}

static void put_process(page *to)
{
    const mr_process_gauges *of = &to->metrics->process;
    const struct {
        const char *name, *type;
        int64_t value;
        mr_unit_scale scale;
        const char *help;
    } all[] = {
        {"process_cpu_seconds_total", "counter", of->cpu_us, MICROS, "User and system CPU time."},
        {"process_resident_memory_bytes", "gauge", of->resident_bytes, ONES, "Resident memory."},
        {"process_virtual_memory_bytes", "gauge", of->virtual_bytes, ONES, "Virtual memory."},
        {"process_open_fds", "gauge", of->open_fds, ONES, "Open file descriptors."},
        {"process_max_fds", "gauge", of->max_fds, ONES, "Largest possible number of open file descriptors."},
        {"process_start_time_seconds", "gauge", of->start_ms, MILLIS, "Start of the process, since 1970."},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (all[i].value < 0)
            continue;
        put_family(to, all[i].name, all[i].type, all[i].help);
        put_sample(to, all[i].name, &(label_list){.count = 0}, (uint64_t)all[i].value, all[i].scale);
    }
}

bool mr_metrics_render(mr_metrics *metrics, bool openmetrics, mr_buf *out)
{
    page to = {.metrics = metrics, .out = out, .openmetrics = openmetrics, .now_ms = mr_clock_ms()};
    mr_metric_set(metrics, MR_M_LOG_DROPPED, 0, 0, mr_log_dropped());
    pthread_mutex_lock(&metrics->lock);
    put_table(&to);
    put_partitions(&to);
    pthread_mutex_unlock(&metrics->lock);
    put_info(&to);
    put_process(&to);
    if (openmetrics)
        mr_buf_text(out, "# EOF\n");
    return !out->full;
}
