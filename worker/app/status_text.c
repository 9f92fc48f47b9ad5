#include "app/status_text.h"

#include <stdint.h>
#include <string.h>
#include <time.h>

#include "app/progress.h"
#include "base/buf.h"

#define RANGES_SHOWN 8 /* of a shard; the others are in --json */

/* ---- pieces ---- */

static long long number(const json_t *object, const char *name, long long otherwise)
{
    const json_t *value = json_object_get(object, name);
    return json_is_integer(value) ? (long long)json_integer_value(value) : otherwise;
}

/* A text without what a terminal would obey. */
static void put_clean(const char *text, FILE *out)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        bool c1 = c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0; /* U+0080 to U+009F */
        fputc(*c < ' ' || *c == 0x7f || c1 ? '?' : *c, out);
        c += c1;
    }
}

static const char *text(const json_t *object, const char *name)
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
    size_t chars = 0;
    put_clean(value, out);
    for (const char *c = value; *c; c++)
        chars += ((unsigned char)*c & 0xc0) != 0x80;
    fprintf(out, "%*s  ", chars < (size_t)width ? width - (int)chars : 0, "");
}

static void put_note(const char *name, const char *value, FILE *out)
{
    fprintf(out, "    %s", name);
    put_clean(value, out);
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
        if (number(one, "partition", -1) == partition && !strcmp(text(one, "topic"), topic))
            return number(one, "end", -1);
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
        long long from = number(one, "from", 0), to = number(one, "to", -1);
        long long partition = number(one, "partition", -1);
        long long end = to >= 0 ? to : end_of(document, text(one, "topic"), partition);
        if (i == RANGES_SHOWN) {
            fprintf(out, "    and %zu parked ranges more: see --json\n", json_array_size(parked) - i);
            return;
        }
        mr_buf_printf(&buf, "%s/%lld from offset %lld ", text(one, "topic"), partition, from);
        if (to < 0)
            mr_buf_text(&buf, "on, still growing");
        else
            mr_buf_printf(&buf, "to %lld", to);
        if (from >= 0 && end > from) {
            mr_buf_text(&buf, ": ");
            mr_put_count(&buf, end - from);
            mr_buf_text(&buf, " offsets");
        }
        put_note("parked: ", line, out);
    }
}

static void put_shard(const json_t *document, const json_t *shard, int width, FILE *out)
{
    char rate[32], since[64] = "-", left[128] = "-", ranges[32] = "-";
    const json_t *replay = json_object_get(shard, "replay"), *parked = json_object_get(shard, "parked");
    long long began = seconds_of(shard, "since"), now = seconds_of(document, "time");
    mr_buf buf = mr_buf_over(rate, sizeof rate);
    mr_put_count(&buf, number(shard, "rows_per_s", 0));
    if (began >= 0 && now >= 0) {
        buf = mr_buf_over(since, sizeof since);
        mr_put_duration(&buf, now > began ? now - began : 0);
    }
    if (json_array_size(parked) > 0) {
        buf = mr_buf_over(ranges, sizeof ranges);
        mr_buf_printf(&buf, "%zu range%s", json_array_size(parked), json_array_size(parked) == 1 ? "" : "s");
    }
    if (json_is_object(replay)) {
        buf = mr_buf_over(left, sizeof left);
        mr_put_count(&buf, number(replay, "offsets_left", 0));
        mr_buf_text(&buf, " offsets");
        if (number(replay, "seconds_left", -1) >= 0) {
            mr_buf_text(&buf, ", ");
            mr_put_duration(&buf, number(replay, "seconds_left", 0));
        }
    }
    put_cell(text(shard, "name"), width, out);
    put_cell(text(shard, "state"), 9, out);
    put_cell(since, 12, out);
    fprintf(out, "%10s  ", rate);
    put_cell(ranges, 10, out);
    fprintf(out, "%s\n", left);
    if (json_is_string(json_object_get(shard, "why")))
        put_note("why: ", text(shard, "why"), out);
    put_ranges(document, parked, out);
}

/* ---- partitions ---- */

static bool waits(const json_t *partition)
{
    return json_is_object(json_object_get(partition, "waiting")) ||
           strcmp(text(partition, "state"), "running") != 0;
}

static void put_partition(const json_t *partition, int width, FILE *out)
{
    const json_t *event = json_object_get(partition, "waiting");
    const json_t *waiting = json_is_object(event) ? event : NULL;
    char name[512], offset[32] = "-", lag[32] = "-", attempts[32] = "-", due[64] = "-";
    mr_buf buf = mr_buf_over(name, sizeof name);
    mr_buf_printf(&buf, "%s/%lld", text(partition, "topic"), number(partition, "partition", -1));
    if (number(partition, "lag", -1) >= 0) {
        buf = mr_buf_over(lag, sizeof lag);
        mr_put_count(&buf, number(partition, "lag", 0));
    }
    if (waiting) {
        buf = mr_buf_over(offset, sizeof offset);
        mr_buf_printf(&buf, "%lld", number(waiting, "offset", -1));
        buf = mr_buf_over(attempts, sizeof attempts);
        mr_buf_printf(&buf, "%lld", number(waiting, "attempts", 0));
    }
    if (number(waiting, "due_ms", -1) >= 0) {
        buf = mr_buf_over(due, sizeof due);
        mr_buf_printf(&buf, "in %.1f s", (double)number(waiting, "due_ms", 0) / 1000);
    }
    put_cell(name, width, out);
    fprintf(out, "%12s  ", lag);
    put_cell(waiting ? text(waiting, "state") : text(partition, "state"), 11, out);
    fprintf(out, "%14s  ", offset);
    put_cell(waiting ? text(waiting, "shard") : "-", 12, out);
    put_cell(waiting ? text(waiting, "key_hash") : "-", 16, out);
    fprintf(out, "%8s  %s\n", attempts, due);
    if (json_is_string(json_object_get(partition, "why")))
        put_note("why: ", text(partition, "why"), out);
    if (json_is_string(json_object_get(waiting, "why")))
        put_note("why: ", text(waiting, "why"), out);
}

static void put_totals(const json_t *document, FILE *out)
{
    char line[4096];
    unsigned long long lag = 0;
    size_t i, unknown = 0, letters = 0;
    const char *reason;
    json_t *one;
    mr_buf buf = mr_buf_over(line, sizeof line);
    json_array_foreach(json_object_get(document, "partitions"), i, one)
    {
        lag += (unsigned long long)number(one, "lag", 0);
        unknown += number(one, "lag", -1) < 0;
    }
    mr_buf_printf(&buf, "%zu partitions, lag ", json_array_size(json_object_get(document, "partitions")));
    mr_put_count(&buf, (long long)lag);
    if (unknown > 0)
        mr_buf_printf(&buf, " (unknown of %zu)", unknown);
    json_object_foreach(json_object_get(document, "dead_letters"), reason, one)
    {
        mr_buf_printf(&buf, "%s%s ", letters++ ? ", " : "; dead letters: ", reason);
        mr_put_count(&buf, (long long)json_integer_value(one));
    }
    if (letters == 0)
        mr_buf_text(&buf, "; no dead letters");
    const json_t *memory = json_object_get(document, "memory");
    mr_buf_printf(&buf, "; memory %.1f MiB of our own, limit %.1f MiB",
                  (double)number(memory, "total_bytes", 0) / (1 << 20),
                  (double)number(memory, "limit_bytes", 0) / (1 << 20));
    put_clean(line, out);
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
        size_t len = strlen(text(one, name)) + (size_t)more;
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
    put_clean(text(document, "version"), out);
    fputs(", group ", out);
    put_clean(text(document, "group"), out);
    fputs(", ", out);
    put_clean(text(document, "time"), out);
    fprintf(out, "\n\n%-*s  %-9s  %-12s  %10s  %-10s  %s\n", width, "SHARD", "STATE", "SINCE", "ROWS/S",
            "PARKED", "REPLAY LEFT");
    json_array_foreach(shards, i, one)
    {
        put_shard(document, one, width, out);
    }
    fputc('\n', out);
    json_array_foreach(partitions, i, one)
    {
        waiting += waits(one);
    }
    width = width_of(partitions, "topic", 9, 7);
    if (waiting > 0)
        fprintf(out, "%-*s  %12s  %-11s  %14s  %-12s  %-16s  %8s  %s\n", width, "PARTITION", "LAG", "STATE",
                "OFFSET", "SHARD", "KEY HASH", "ATTEMPTS", "NEXT");
    json_array_foreach(partitions, i, one)
    {
        if (waits(one))
            put_partition(one, width, out);
    }
    if (waiting > 0)
        fputc('\n', out);
    put_totals(document, out);
}
