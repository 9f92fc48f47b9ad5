#include "app/status_text.h"

#include <stdint.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/text.h"
#include "status_private.h"

#define RANGES_SHOWN 8 /* of a shard; the others are in --json */

/* ---- pieces ---- */

long long mr_status_number(const json_t *object, const char *name, long long otherwise)
{
    const json_t *value = json_object_get(object, name);
    return json_is_integer(value) ? (long long)json_integer_value(value) : otherwise;
}

const char *mr_status_word(const json_t *object, const char *name)
{
    const char *value = json_string_value(json_object_get(object, name));
    return value ? value : "-";
}

/* Of a time as the document writes it; negative: it is none. */
static long long seconds_of(const json_t *object, const char *name)
{
    struct tm utc = {0};
    const char *value = json_string_value(json_object_get(object, name));
    return value && strptime(value, "%Y-%m-%dT%H:%M:%S", &utc) ? (long long)timegm(&utc) : -1;
}

/* A cell of a table, two spaces from the next one. */
static void put_cell(const char *value, int width, FILE *out)
{
    size_t chars = mr_utf8_count(value, strlen(value));
    mr_text_put_tame(value, out);
    fprintf(out, "%*s  ", chars < (size_t)width ? width - (int)chars : 0, "");
}

static void put_note(const char *name, const char *value, FILE *out)
{
    fprintf(out, "    %s", name);
    mr_text_put_tame(value, out);
    fputc('\n', out);
}

/* ---- shards ---- */

/* Where the partition's log ends; negative: unknown. */
static long long end_of(const json_t *document, const char *topic, long long partition)
{
    size_t i;
    const json_t *one;
    json_array_foreach(json_object_get(document, "partitions"), i, one)
    {
        if (mr_status_number(one, "partition", -1) == partition &&
            !strcmp(mr_status_word(one, "topic"), topic))
            return mr_status_number(one, "end", -1);
    }
    return -1;
}

static void put_ranges(const json_t *document, const json_t *parked, FILE *out)
{
    size_t i;
    const json_t *one;
    json_array_foreach(parked, i, one)
    {
        char line[512];
        mr_buf buf = mr_buf_over(line, sizeof line);
        long long from = mr_status_number(one, "from", 0), to = mr_status_number(one, "to", -1);
        long long partition = mr_status_number(one, "partition", -1);
        long long end = to >= 0 ? to : end_of(document, mr_status_word(one, "topic"), partition);
        if (i == RANGES_SHOWN) {
            fprintf(out, "    and %zu parked ranges more: see --json\n", json_array_size(parked) - i);
            return;
        }
        mr_buf_printf(&buf, "%s/%lld from offset %lld ", mr_status_word(one, "topic"), partition, from);
        if (to < 0)
            mr_buf_text(&buf, "on, still growing");
        else
            mr_buf_printf(&buf, "to %lld", to);
        if (from >= 0 && end > from) {
            mr_buf_text(&buf, ": ");
            mr_buf_count(&buf, end - from);
            mr_buf_text(&buf, " offsets");
        }
        put_note("parked: ", line, out);
    }
}

void mr_status_put_since(const json_t *document, const json_t *shard, mr_buf *out)
{
    long long began = seconds_of(shard, "since"), now = seconds_of(document, "time");
    if (began >= 0 && now >= 0)
        mr_buf_duration(out, now > began ? now - began : 0);
    else
        mr_buf_text(out, "-");
}

void mr_status_put_left(const json_t *shard, mr_buf *out)
{
    const json_t *replay = json_object_get(shard, "replay");
    if (!json_is_object(replay)) {
        mr_buf_text(out, "-");
        return;
    }
    mr_buf_count(out, mr_status_number(replay, "offsets_left", 0));
    mr_buf_text(out, " offsets");
    if (mr_status_number(replay, "seconds_left", -1) >= 0) {
        mr_buf_text(out, ", ");
        mr_buf_duration(out, mr_status_number(replay, "seconds_left", 0));
    }
}

static void put_shard(const json_t *document, const json_t *shard, int width, FILE *out)
{
    char rate[32], since[64], left[128], ranges[32] = "-";
    const json_t *parked = json_object_get(shard, "parked");
    mr_buf buf = mr_buf_over(rate, sizeof rate);
    mr_buf_count(&buf, mr_status_number(shard, "rows_per_s", 0));
    buf = mr_buf_over(since, sizeof since);
    mr_status_put_since(document, shard, &buf);
    buf = mr_buf_over(left, sizeof left);
    mr_status_put_left(shard, &buf);
    if (json_array_size(parked) > 0) {
        buf = mr_buf_over(ranges, sizeof ranges);
        mr_buf_printf(&buf, "%zu range%s", json_array_size(parked), json_array_size(parked) == 1 ? "" : "s");
    }
    put_cell(mr_status_word(shard, "name"), width, out);
    put_cell(mr_status_word(shard, "state"), 9, out);
    put_cell(since, 12, out);
    fprintf(out, "%10s  ", rate);
    put_cell(ranges, 10, out);
    fprintf(out, "%s\n", left);
    if (json_is_string(json_object_get(shard, "why")))
        put_note("why: ", mr_status_word(shard, "why"), out);
    put_ranges(document, parked, out);
}

/* ---- partitions ---- */

bool mr_status_waits(const json_t *partition)
{
    return json_is_object(json_object_get(partition, "waiting")) ||
           strcmp(mr_status_word(partition, "state"), "running") != 0;
}

static void put_partition(const json_t *partition, int width, FILE *out)
{
    const json_t *event = json_object_get(partition, "waiting");
    const json_t *waiting = json_is_object(event) ? event : NULL;
    char name[512], offset[32] = "-", lag[32] = "-", attempts[32] = "-", due[64] = "-";
    mr_buf buf = mr_buf_over(name, sizeof name);
    mr_buf_printf(&buf, "%s/%lld", mr_status_word(partition, "topic"),
                  mr_status_number(partition, "partition", -1));
    if (mr_status_number(partition, "lag", -1) >= 0) {
        buf = mr_buf_over(lag, sizeof lag);
        mr_buf_count(&buf, mr_status_number(partition, "lag", 0));
    }
    if (waiting) {
        buf = mr_buf_over(offset, sizeof offset);
        mr_buf_printf(&buf, "%lld", mr_status_number(waiting, "offset", -1));
        buf = mr_buf_over(attempts, sizeof attempts);
        mr_buf_printf(&buf, "%lld", mr_status_number(waiting, "attempts", 0));
    }
    if (mr_status_number(waiting, "due_ms", -1) >= 0) {
        buf = mr_buf_over(due, sizeof due);
        mr_buf_printf(&buf, "in %.1f s", (double)mr_status_number(waiting, "due_ms", 0) / 1000);
    }
    put_cell(name, width, out);
    fprintf(out, "%12s  ", lag);
    put_cell(waiting ? mr_status_word(waiting, "state") : mr_status_word(partition, "state"), 11, out);
    fprintf(out, "%14s  ", offset);
    put_cell(waiting ? mr_status_word(waiting, "shard") : "-", 12, out);
    put_cell(waiting ? mr_status_word(waiting, "key_hash") : "-", 16, out);
    fprintf(out, "%8s  %s\n", attempts, due);
    if (json_is_string(json_object_get(partition, "why")))
        put_note("why: ", mr_status_word(partition, "why"), out);
    if (json_is_string(json_object_get(waiting, "why")))
        put_note("why: ", mr_status_word(waiting, "why"), out);
}

void mr_status_put_lag(const json_t *document, mr_buf *out)
{
    unsigned long long lag = 0;
    size_t i, unknown = 0;
    const json_t *partitions = json_object_get(document, "partitions"), *one;
    json_array_foreach(partitions, i, one)
    {
        lag += (unsigned long long)mr_status_number(one, "lag", 0);
        unknown += mr_status_number(one, "lag", -1) < 0;
    }
    size_t count = json_array_size(partitions);
    mr_buf_printf(out, "%zu partition%s, lag ", count, count == 1 ? "" : "s");
    mr_buf_count(out, (long long)lag);
    if (unknown > 0)
        mr_buf_printf(out, " (unknown of %zu)", unknown);
}

void mr_status_put_letters(const json_t *document, const char *between, mr_buf *out)
{
    size_t letters = 0;
    const char *reason;
    json_t *one;
    mr_buf_text(out, between);
    json_object_foreach(json_object_get(document, "dead_letters"), reason, one)
    {
        mr_buf_printf(out, "%s%s ", letters++ ? ", " : "dead letters: ", reason);
        mr_buf_count(out, (long long)json_integer_value(one));
    }
    if (letters == 0)
        mr_buf_text(out, "no dead letters");
}

void mr_status_put_memory(const json_t *document, mr_buf *out)
{
    const json_t *memory = json_object_get(document, "memory");
    mr_buf_printf(out, "memory %.1f MiB of our own, limit %.1f MiB",
                  (double)mr_status_number(memory, "total_bytes", 0) / (1 << 20),
                  (double)mr_status_number(memory, "limit_bytes", 0) / (1 << 20));
}

static void put_totals(const json_t *document, FILE *out)
{
    char line[4096];
    mr_buf buf = mr_buf_over(line, sizeof line);
    mr_status_put_lag(document, &buf);
    mr_status_put_letters(document, "; ", &buf);
    mr_buf_text(&buf, "; ");
    mr_status_put_memory(document, &buf);
    mr_text_put_tame(line, out);
    fputc('\n', out);
}

/* ---- all of it ---- */

/* The longest of a list's texts. */
static int width_of(const json_t *list, const char *name, int least, int more)
{
    size_t i, width = (size_t)least;
    const json_t *one;
    json_array_foreach(list, i, one)
    {
        size_t len = strlen(mr_status_word(one, name)) + (size_t)more;
        width = len > width && len <= 60 ? len : width;
    }
    return (int)width;
}

bool mr_status_text_is_one(const json_t *document)
{
    return json_is_string(json_object_get(document, "version")) &&
           json_is_array(json_object_get(document, "shards")) &&
           json_is_array(json_object_get(document, "partitions"));
}

void mr_status_text(const json_t *document, FILE *out)
{
    const json_t *shards = json_object_get(document, "shards"), *one;
    const json_t *partitions = json_object_get(document, "partitions");
    int width = width_of(shards, "name", 5, 0);
    size_t i, waiting = 0;
    fputs("millrace ", out);
    mr_text_put_tame(mr_status_word(document, "version"), out);
    fputs(", group ", out);
    mr_text_put_tame(mr_status_word(document, "group"), out);
    fputs(", ", out);
    mr_text_put_tame(mr_status_word(document, "time"), out);
    fprintf(out, "\n\n%-*s  %-9s  %-12s  %10s  %-10s  %s\n", width, "SHARD", "STATE", "SINCE", "ROWS/S",
            "PARKED", "REPLAY LEFT");
    json_array_foreach(shards, i, one)
    {
        put_shard(document, one, width, out);
    }
    fputc('\n', out);
    json_array_foreach(partitions, i, one)
    {
        waiting += mr_status_waits(one);
    }
    width = width_of(partitions, "topic", 9, 7);
    if (waiting > 0)
        fprintf(out, "%-*s  %12s  %-11s  %14s  %-12s  %-16s  %8s  %s\n", width, "PARTITION", "LAG", "STATE",
                "OFFSET", "SHARD", "KEY HASH", "ATTEMPTS", "NEXT");
    json_array_foreach(partitions, i, one)
    {
        if (mr_status_waits(one))
            put_partition(one, width, out);
    }
    if (waiting > 0)
        fputc('\n', out);
    put_totals(document, out);
}
