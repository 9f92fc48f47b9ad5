/* metrics_private.h: what counting (metrics.c) and showing (metrics_render.c) share. */
#ifndef MR_STAGES_METRICS_PRIVATE_H
#define MR_STAGES_METRICS_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "stages/metrics.h"

#define MR_DB_CODES 256u /* a power of two; of one shard */

/* In a gauge's cell: no series.  Further down than lowering ever gets. */
#define MR_CELL_ABSENT (UINT64_C(1) << 63)

typedef enum mr_metric_type { COUNTER, GAUGE, HISTOGRAM } mr_metric_type;

/* What a label of a metric tells apart; TOPIC's values are known only at run time. */
typedef enum mr_label { NONE, STREAM, SHARD, REASON, RELEASED, STATE, CLASS, PATH, CAUSE, TOPIC } mr_label;

/* Cells count in whole units; scale of them make the unit that is shown. */
typedef enum mr_unit_scale { ONES = 1, MILLIS = 1000, MICROS = 1000000 } mr_unit_scale;

typedef enum mr_bounds { NO_BOUNDS, ROWS, WRITE_US, AGE_MS, BOUNDS_COUNT } mr_bounds;

typedef struct mr_family {
    const char *name; /* as in Prometheus' text: a counter's with _total */
    mr_metric_type type;
    mr_label a, b;
    mr_unit_scale scale;
    mr_bounds bounds;
    const char *help;
} mr_family;

typedef struct mr_bound_list {
    const uint64_t *at;
    uint32_t count;
} mr_bound_list;

extern const mr_family mr_families[MR_M_COUNT];
extern const mr_bound_list mr_bound_lists[BOUNDS_COUNT];

typedef struct mr_topic_entry {
    char name[250];
    bool used;
    uint32_t partitions; /* as metadata says; 0: not known */
    uint32_t assigned;   /* open here */
} mr_topic_entry;

/* Opened and closed under the mutex; the gauges are set without it. */
typedef struct mr_partition_entry {
    bool open;
    uint32_t topic; /* index; MR_METRICS_TOPICS: there was no room for its name */
    int32_t partition;
    _Atomic int64_t committed, frontier, end, last_commit_wall_ms;
    _Atomic uint64_t frontier_moved_ms;
    _Atomic uint32_t held;
} mr_partition_entry;

typedef struct mr_db_code {
    _Atomic uint64_t key; /* class + 1 above, code below; 0: free */
    _Atomic uint64_t count;
} mr_db_code;

struct mr_metrics {
    const mr_config *config;
    _Atomic uint64_t *cells;
    uint32_t first[MR_M_COUNT]; /* its first cell */
    uint32_t extent_a[MR_M_COUNT], extent_b[MR_M_COUNT];
    mr_db_code *db_codes; /* [shards][MR_DB_CODES], open addressing */
    char librdkafka[64], mariadb_connector[64];
    uint64_t fingerprint, config_hash;
    mr_process_gauges process;

    pthread_mutex_t lock; /* partitions' coming and going, topics */
    mr_topic_entry *topics;
    uint32_t topics_max, topics_used; /* entries from topics_used on were never in use */
    bool topics_full_said;
    mr_partition_entry *partitions;
    uint32_t partitions_max, partitions_used; /* entries from partitions_used on were never open */
};

uint32_t mr_label_extent(const mr_config *config, mr_label label);
/* Cells of (a, b): a histogram's are its buckets, the last one unbounded, and then the sum. */
_Atomic uint64_t *mr_metric_cells(const mr_metrics *metrics, mr_metric_id id, uint32_t a, uint32_t b);

#endif
