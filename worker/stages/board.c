#include "stages/board.h"

#include <string.h>

#include "base/clock.h"
#include "base/must.h"
#include "board_private.h"
#include "stages/reason.h"

/* ---- main's side ---- */

static void keep(char *place, size_t cap, const char *text)
{
    size_t len = text ? strlen(text) : 0;
    if (len >= cap)
        for (len = cap - 1; len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80;)
            len--;
    if (len > 0)
        memcpy(place, text, len);
    place[len] = 0;
}

mr_board *mr_board_new(const mr_config *config, mr_arena *arena, uint32_t partitions_max)
{
    mr_board *board = mr_arena_take(arena, "board", 1, sizeof *board);
    size_t shards = config->shard_count;
    board->config = config;
    board->partitions_max = partitions_max;
    board->partitions = mr_arena_take(arena, "board", partitions_max, sizeof *board->partitions);
    board->shards = mr_arena_take(arena, "board", shards, sizeof *board->shards);
    board->ranges = mr_arena_take(arena, "board", partitions_max * shards, sizeof *board->ranges);
    board->history = mr_arena_take(arena, "board", 1, sizeof *board->history);
    for (uint32_t i = 0; i < shards; i++) {
        board->shards[i].offsets_left = board->shards[i].offsets_most = -1;
        keep(board->shards[i].state, sizeof board->shards[i].state, config->shards[i].hold ? "held" : "live");
    }
    must(!pthread_mutex_init(&board->lock, NULL));
    return board;
}

void mr_board_partition_set(mr_board *board, uint32_t slot, const mr_board_partition *is)
{
    must(slot < board->partitions_max);
    must(is->waiting.shard < (int32_t)board->config->shard_count);
    mr_board_partition_entry *entry = &board->partitions[slot];
    const mr_board_waiting *waiting = &is->waiting;
    pthread_mutex_lock(&board->lock);
    entry->shown = true;
    entry->partition = is->partition;
    entry->committed = is->committed;
    entry->frontier = is->frontier;
    entry->end = is->end;
    keep(entry->topic, sizeof entry->topic, is->topic);
    keep(entry->state, sizeof entry->state, is->state);
    keep(entry->why, sizeof entry->why, is->why);
    entry->waits = waiting->present;
    entry->has_key_hash = waiting->has_key_hash;
    entry->waiting_offset = waiting->offset;
    entry->key_hash = waiting->key_hash;
    entry->waiting_shard = waiting->shard;
    entry->attempts = waiting->attempts;
    entry->due_ms = waiting->due_ms;
    keep(entry->waiting_state, sizeof entry->waiting_state, waiting->state);
    keep(entry->waiting_why, sizeof entry->waiting_why, waiting->why);
    if (slot >= board->partitions_used)
        board->partitions_used = slot + 1;
    pthread_mutex_unlock(&board->lock);
}

void mr_board_partition_clear(mr_board *board, uint32_t slot)
{
    must(slot < board->partitions_max);
    size_t shards = board->config->shard_count;
    pthread_mutex_lock(&board->lock);
    board->partitions[slot].shown = false;
    memset(&board->ranges[slot * shards], 0, shards * sizeof *board->ranges);
    pthread_mutex_unlock(&board->lock);
}

void mr_board_shard_set(mr_board *board, uint32_t shard, const mr_board_shard *is)
{
    must(shard < board->config->shard_count);
    mr_board_shard_entry *entry = &board->shards[shard];
    pthread_mutex_lock(&board->lock);
    keep(entry->state, sizeof entry->state, is->state);
    keep(entry->why, sizeof entry->why, is->why);
    entry->since_wall_ms = is->since_wall_ms;
    entry->code = is->code;
    entry->rows_per_s = is->rows_per_s;
    entry->offsets_left = is->offsets_left;
    entry->seconds_left = is->seconds_left;
    if (is->offsets_left < 0 || is->offsets_left > entry->offsets_most)
        entry->offsets_most = is->offsets_left;
    pthread_mutex_unlock(&board->lock);
}

static void put_range(mr_board *board, uint32_t slot, uint32_t shard, mr_board_range is)
{
    must(slot < board->partitions_max && shard < board->config->shard_count);
    pthread_mutex_lock(&board->lock);
    board->ranges[slot * board->config->shard_count + shard] = is;
    pthread_mutex_unlock(&board->lock);
}

void mr_board_range_set(mr_board *board, uint32_t slot, uint32_t shard, int64_t from, int64_t to)
{
    put_range(board, slot, shard, (mr_board_range){from, to});
}

void mr_board_range_clear(mr_board *board, uint32_t slot, uint32_t shard)
{
    put_range(board, slot, shard, (mr_board_range){0, 0});
}

void mr_board_memory(mr_board *board, const mr_arena *arena, uint64_t libraries_bytes)
{
    size_t bytes;
    const char *name;
    pthread_mutex_lock(&board->lock);
    for (board->parts = 0; board->parts < MR_BOARD_PARTS; board->parts++) {
        if (!(name = mr_arena_part(arena, board->parts, &bytes)))
            break;
        board->part[board->parts].name = name;
        board->part[board->parts].bytes = bytes;
    }
    board->total_bytes = mr_arena_total(arena);
    board->limit_bytes = board->total_bytes + libraries_bytes;
    pthread_mutex_unlock(&board->lock);
}

uint64_t mr_board_letters(const mr_board *board, const mr_metrics *metrics, mr_reason reason)
{
    uint64_t count = 0;
    for (uint32_t stream = 0; stream < board->config->stream_count; stream++)
        count += mr_metric_get(metrics, MR_M_DEAD_LETTERS, stream, reason);
    return count;
}

int64_t mr_board_lag(const mr_board_partition_entry *entry)
{
    if (entry->committed < 0 || entry->end < 0)
        return -1;
    return entry->end > entry->committed ? entry->end - entry->committed : 0;
}

void mr_board_sample(mr_board *board, const mr_metrics *metrics, uint64_t now_ms)
{
    mr_history_totals totals = {0};
    for (uint32_t stream = 0; stream < board->config->stream_count; stream++) {
        for (uint32_t shard = 0; shard < board->config->shard_count; shard++)
            totals.rows += mr_metric_get(metrics, MR_M_ROWS_WRITTEN, stream, shard);
        totals.aged += mr_metric_get(metrics, MR_M_EVENT_AGE, stream, 0);
        totals.age_ms += mr_metric_sum(metrics, MR_M_EVENT_AGE, stream, 0);
    }
    for (uint32_t reason = 0; reason < MR_REASON_COUNT; reason++)
        totals.letters[reason] = mr_board_letters(board, metrics, (mr_reason)reason);
    pthread_mutex_lock(&board->lock);
    for (uint32_t slot = 0; slot < board->partitions_used; slot++) {
        int64_t lag = board->partitions[slot].shown ? mr_board_lag(&board->partitions[slot]) : 0;
        totals.lag += lag > 0 ? (uint64_t)lag : 0;
    }
    mr_history_take(board->history, now_ms, &totals);
    pthread_mutex_unlock(&board->lock);
}

/* ---- the document ---- */

static void put_name(mr_buf *out, const char *name)
{
    mr_buf_printf(out, "\"%s\":", name);
}

/* A member with what is between it and the next. */
static void put_text(mr_buf *out, const char *name, const char *text)
{
    put_name(out, name);
    if (text && *text)
        mr_buf_json(out, text, strlen(text));
    else
        mr_buf_text(out, "null");
    mr_buf_text(out, ",");
}

/* Negative: null. */
static void put_number(mr_buf *out, const char *name, int64_t value)
{
    put_name(out, name);
    if (value < 0)
        mr_buf_text(out, "null,");
    else
        mr_buf_printf(out, "%lld,", (long long)value);
}

static void put_time(mr_buf *out, const char *name, int64_t wall_ms)
{
    put_name(out, name);
    if (wall_ms > 0) {
        mr_buf_text(out, "\"");
        mr_buf_time(out, wall_ms);
        mr_buf_text(out, "\",");
    } else {
        mr_buf_text(out, "null,");
    }
}

/* In place of the comma after the last member: what ends the object or the list, and what follows. */
static void end_list(mr_buf *out, const char *end)
{
    if (!out->full && out->len > 0 && out->at[out->len - 1] == ',')
        out->at[--out->len] = 0;
    mr_buf_text(out, end);
}

static void put_waiting(mr_board *board, const mr_board_partition_entry *entry, uint64_t now_ms, mr_buf *out)
{
    const char *shard = NULL, *why = entry->waiting_why;
    if (!entry->waits) {
        mr_buf_text(out, "\"waiting\":null,");
        return;
    }
    if (entry->waiting_shard >= 0) {
        shard = board->config->shards[entry->waiting_shard].name;
        why = *why ? why : board->shards[entry->waiting_shard].why;
    }
    mr_buf_text(out, "\"waiting\":{");
    put_number(out, "offset", entry->waiting_offset);
    if (entry->has_key_hash)
        mr_buf_printf(out, "\"key_hash\":\"%016llx\",", (unsigned long long)entry->key_hash);
    else
        mr_buf_text(out, "\"key_hash\":null,");
    put_text(out, "shard", shard);
    put_text(out, "state", entry->waiting_state);
    put_number(out, "attempts", entry->attempts);
    if (entry->due_ms == 0)
        put_number(out, "due_ms", -1);
    else
        put_number(out, "due_ms", entry->due_ms > now_ms ? (int64_t)(entry->due_ms - now_ms) : 0);
    put_text(out, "why", why);
    end_list(out, "},");
}

static void put_partition(mr_board *board, const mr_board_partition_entry *entry, uint64_t now_ms,
                          mr_buf *out)
{
    mr_buf_text(out, "\n{");
    put_text(out, "topic", entry->topic);
    put_number(out, "partition", entry->partition);
    put_number(out, "committed", entry->committed);
    put_number(out, "frontier", entry->frontier);
    put_number(out, "end", entry->end);
    put_number(out, "lag", mr_board_lag(entry));
    put_text(out, "state", entry->state);
    put_text(out, "why", entry->why);
    put_waiting(board, entry, now_ms, out);
    end_list(out, "},");
}

static void put_parked(mr_board *board, uint32_t shard, mr_buf *out)
{
    mr_buf_text(out, "\"parked\":[");
    for (uint32_t slot = 0; slot < board->partitions_used; slot++) {
        const mr_board_partition_entry *entry = &board->partitions[slot];
        const mr_board_range *parked = &board->ranges[slot * board->config->shard_count + shard];
        if (!entry->shown || parked->from == parked->to)
            continue;
        mr_buf_text(out, "{");
        put_text(out, "topic", entry->topic);
        put_number(out, "partition", entry->partition);
        put_number(out, "from", parked->from);
        put_number(out, "to", parked->to == MR_BOARD_OPEN ? -1 : parked->to);
        end_list(out, "},");
    }
    end_list(out, "],");
}

static void put_shard(mr_board *board, uint32_t shard, mr_buf *out)
{
    const mr_board_shard_entry *entry = &board->shards[shard];
    mr_buf_text(out, "\n{");
    put_text(out, "name", board->config->shards[shard].name);
    put_text(out, "state", entry->state);
    put_time(out, "since", entry->since_wall_ms);
    put_text(out, "why", entry->why);
    put_number(out, "code", entry->code ? (int64_t)entry->code : -1);
    put_parked(board, shard, out);
    put_number(out, "rows_per_s", (int64_t)entry->rows_per_s);
    if (entry->offsets_left < 0) {
        mr_buf_text(out, "\"replay\":null,");
    } else {
        mr_buf_text(out, "\"replay\":{");
        put_number(out, "offsets_left", entry->offsets_left);
        put_number(out, "seconds_left", entry->seconds_left);
        end_list(out, "},");
    }
    end_list(out, "},");
}

static void put_memory(const mr_board *board, mr_buf *out)
{
    mr_buf_text(out, "\"memory\":{");
    put_number(out, "total_bytes", (int64_t)board->total_bytes);
    put_number(out, "limit_bytes", (int64_t)board->limit_bytes);
    mr_buf_text(out, "\"parts\":{");
    for (size_t i = 0; i < board->parts; i++)
        put_number(out, board->part[i].name, (int64_t)board->part[i].bytes);
    end_list(out, "}},\n");
}

static void put_dead_letters(const mr_board *board, const mr_metrics *metrics, mr_buf *out)
{
    mr_buf_text(out, "\"dead_letters\":{");
    for (uint32_t reason = 0; reason < MR_REASON_COUNT; reason++) {
        uint64_t count = mr_board_letters(board, metrics, (mr_reason)reason);
        if (count > 0)
            put_number(out, mr_reason_name((mr_reason)reason), (int64_t)count);
    }
    end_list(out, "}");
}

bool mr_board_render(mr_board *board, const mr_metrics *metrics, mr_buf *out)
{
    uint64_t now_ms = mr_clock_ms();
    mr_buf_text(out, "{");
    put_text(out, "version", MILLRACE_VERSION);
    put_time(out, "time", mr_clock_wall_ms());
    put_text(out, "group", board->config->kafka.group_id);
    mr_buf_text(out, "\n\"partitions\":[");
    pthread_mutex_lock(&board->lock);
    for (uint32_t slot = 0; slot < board->partitions_used && !out->full; slot++)
        if (board->partitions[slot].shown)
            put_partition(board, &board->partitions[slot], now_ms, out);
    end_list(out, "],\n\"shards\":[");
    for (uint32_t shard = 0; shard < board->config->shard_count && !out->full; shard++)
        put_shard(board, shard, out);
    end_list(out, "],\n");
    put_memory(board, out);
    pthread_mutex_unlock(&board->lock);
    put_dead_letters(board, metrics, out);
    mr_buf_text(out, "}\n");
    return !out->full;
}
