/* board_private.h: what writing the board (board.c) and showing it as a page (page*.c) share. */
#ifndef MR_STAGES_BOARD_PRIVATE_H
#define MR_STAGES_BOARD_PRIVATE_H

#include <pthread.h>

#include "stages/board.h"
#include "stages/history.h"

#define MR_BOARD_TOPIC_BYTES 250
#define MR_BOARD_PARTS       32

typedef struct mr_board_partition_entry {
    bool shown;
    bool waits, has_key_hash;
    int32_t partition;
    int32_t waiting_shard;
    uint32_t attempts;
    int64_t committed, frontier, end;
    int64_t waiting_offset;
    uint64_t key_hash, due_ms;
    char topic[MR_BOARD_TOPIC_BYTES];
    char state[MR_BOARD_STATE_BYTES], waiting_state[MR_BOARD_STATE_BYTES];
    char why[MR_BOARD_WHY_BYTES], waiting_why[MR_BOARD_WHY_BYTES];
} mr_board_partition_entry;

typedef struct mr_board_shard_entry {
    char state[MR_BOARD_STATE_BYTES];
    int64_t since_wall_ms;
    char why[MR_BOARD_WHY_BYTES];
    unsigned code;
    uint64_t rows_per_s;
    int64_t offsets_left, seconds_left;
    int64_t offsets_most; /* that were left in this replay */
} mr_board_shard_entry;

/* from == to: nothing is parked. */
typedef struct mr_board_range {
    int64_t from, to;
} mr_board_range;

struct mr_board {
    const mr_config *config;
    uint32_t partitions_max, partitions_used; /* entries from partitions_used on were never set */
    pthread_mutex_t lock;                     /* of all below */
    mr_board_partition_entry *partitions;
    mr_board_shard_entry *shards;
    mr_board_range *ranges; /* [partitions_max][shards] */
    mr_history *history;
    uint64_t total_bytes, limit_bytes;
    size_t parts;
    struct {
        const char *name;
        size_t bytes;
    } part[MR_BOARD_PARTS];
};

/* The log's end less what is committed; negative: unknown. */
int64_t mr_board_lag(const mr_board_partition_entry *entry);
uint64_t mr_board_letters(const mr_board *board, const mr_metrics *metrics, mr_reason reason);

#endif
