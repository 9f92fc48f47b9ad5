/* offsets: the command, show and export */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/heap.h"
#include "base/must.h"
#include "base/text.h"
#include "cmd_offsets_private.h"

static mr_offsets_mark mark_of(const mr_offsets_run *of, const mr_kafka_offset *one)
{
    return mr_offsets_read(one->metadata, one->metadata_len, one->committed, of->fingerprint);
}

static int64_t lag_of(const mr_kafka_offset *one)
{
    int64_t from = one->committed < one->low ? one->low : one->committed;
    return one->end > from ? one->end - from : 0;
}

void mr_offsets_hex(uint64_t number, int digits, char out[17])
{
    snprintf(out, 17, "%0*" PRIx64, digits, number);
}

/* ---- JSON ---- */

json_t *mr_offsets_or_null(int64_t offset)
{
    return offset < 0 || offset == MR_RANGE_OPEN ? json_null() : json_integer(offset);
}

json_t *mr_offsets_parked_json(const mr_offsets_run *of, const mr_offsets_mark *mark)
{
    json_t *list = json_array();
    mr_snapshot_entry entry;
    for (size_t at = 0; mr_offsets_next(mark, &at, &entry);) {
        char hash[17];
        mr_offsets_hex(entry.shard, 8, hash);
        json_array_append_new(list,
                              json_pack("{s:s?, s:s, s:I, s:o}", "shard",
                                        mr_offsets_shard(of->config, entry.shard), "shard_hash", hash, "from",
                                        (json_int_t)entry.from, "to", mr_offsets_or_null(entry.to)));
    }
    return list;
}

static json_t *partition_json(const mr_offsets_run *of, const mr_kafka_offset *one)
{
    mr_offsets_mark mark = mark_of(of, one);
    char fingerprint[17];
    mr_offsets_hex(mark.fingerprint, 16, fingerprint);
    json_t *object = json_pack(
        "{s:s, s:i, s:o, s:I, s:I, s:I, s:s, s:s?, s:o, s:o}", "topic", one->topic, "partition",
        (int)one->partition, "committed", mr_offsets_or_null(one->committed), "low", (json_int_t)one->low,
        "end", (json_int_t)one->end, "lag", (json_int_t)lag_of(one), "state",
        mr_offsets_state_name(mark.state), "fingerprint", mark.known ? fingerprint : NULL, "clean",
        mark.known ? json_boolean(mark.clean) : json_null(), "parked", mr_offsets_parked_json(of, &mark));
    must(object);
    mr_json_put_bytes(object, "metadata", one->metadata, one->metadata_len);
    return object;
}

static json_t *document_json(const mr_offsets_run *of)
{
    char fingerprint[17], when[40];
    mr_buf buf = mr_buf_over(when, sizeof when);
    mr_buf_time(&buf, mr_clock_wall_ms());
    mr_offsets_hex(of->fingerprint, 16, fingerprint);
    json_t *list = json_array();
    for (size_t i = 0; i < of->count; i++)
        json_array_append_new(list, partition_json(of, of->at[i]));
    return json_pack("{s:i, s:s, s:s, s:s, s:o}", "millrace_offsets", MR_OFFSETS_FORMAT, "group",
                     of->config->kafka.group_id, "fingerprint", fingerprint, "time", when, "partitions",
                     list);
}

/* ---- show, export ---- */

static int topic_width(const mr_offsets_run *of)
{
    size_t width = 5;
    for (size_t i = 0; i < of->count; i++)
        width = strlen(of->at[i]->topic) > width ? strlen(of->at[i]->topic) : width;
    return (int)width;
}

static void print_parked(const mr_offsets_run *of, const mr_offsets_mark *mark)
{
    mr_snapshot_entry entry;
    for (size_t at = 0; mr_offsets_next(mark, &at, &entry);) {
        const char *shard = mr_offsets_shard(of->config, entry.shard);
        if (shard)
            printf("    parked: shard %s ", shard);
        else
            printf("    parked: a shard that the configuration does not have (%08x) ", entry.shard);
        if (entry.to == MR_RANGE_OPEN)
            printf("from %" PRId64 " on, still growing\n", entry.from);
        else
            printf("from %" PRId64 " to %" PRId64 "\n", entry.from, entry.to);
    }
}

static mr_status show(mr_offsets_run *of)
{
    int width = topic_width(of);
    if (mr_call_json(of->call)) {
        mr_print_json(document_json(of));
        return MR_OK;
    }
    printf("group %s\n%-*s %9s %14s %14s %14s  %s\n", of->config->kafka.group_id, width, "topic", "partition",
           "committed", "end", "lag", "state");
    for (size_t i = 0; i < of->count; i++) {
        const mr_kafka_offset *one = of->at[i];
        mr_offsets_mark mark = mark_of(of, one);
        char committed[24] = "-";
        if (one->committed >= 0)
            snprintf(committed, sizeof committed, "%" PRId64, one->committed);
        printf("%-*s %9d %14s %14" PRId64 " %14" PRId64 "  %s", width, one->topic, (int)one->partition,
               committed, one->end, lag_of(one), mr_offsets_state_name(mark.state));
        if (mark.state == MR_OFFSETS_OTHER)
            printf(" (%s, %016" PRIx64 ")", mark.clean ? "clean" : "dirty", mark.fingerprint);
        puts(one->committed >= 0 && one->committed < one->low ? ", its offset has vanished from the log"
                                                              : "");
        print_parked(of, &mark);
    }
    return MR_OK;
}

static mr_status export(mr_offsets_run *of)
{
    const char *file = of->call->count > 0 ? of->call->arguments[0] : NULL;
    if (!file) {
        mr_print_json(document_json(of));
        return MR_OK;
    }
    FILE *out = fopen(file, "wxe");
    if (!out)
        return mr_complain(MR_USAGE, "%s: %s: name a file that can be written and is not there yet", file,
                           strerror(errno));
    json_t *document = document_json(of);
    bool well = !json_dumpf(document, out, JSON_INDENT(2)) && fputc('\n', out) != EOF;
    well = !fclose(out) && well;
    json_decref(document);
    if (!well)
        return mr_complain(MR_UNAVAILABLE, "%s: could not be written whole: do not use it", file);
    fprintf(stderr, "%zu partitions\n", of->count);
    return MR_OK;
}

/* ---- the command ---- */

static mr_status choose(mr_offsets_run *of)
{
    const char *topic = mr_call_option(of->call, "topic");
    int64_t number = mr_call_number(of->call, "partition", -1);
    size_t all = mr_kafka_offsets_count(of->offsets);
    of->at = mr_heap_take(all, sizeof *of->at);
    of->changes = mr_heap_take(all, sizeof *of->changes);
    of->meant = mr_heap_take(all, sizeof *of->meant);
    for (size_t i = 0; i < all; i++) {
        const mr_kafka_offset *one = mr_kafka_offsets_at(of->offsets, i);
        if ((!topic || !strcmp(topic, one->topic)) && (number < 0 || number == one->partition))
            of->at[of->count++] = one;
    }
    if (of->count == 0)
        return mr_complain(MR_USAGE, "no topic of the streams has such a partition: see `millrace offsets "
                                     "show`");
    return MR_OK;
}

static mr_status with_group(mr_offsets_run *of, bool writes, mr_offsets_step *step)
{
    mr_error error;
    mr_status status = mr_kafka_offsets_open(of->config, &of->offsets, &error);
    if (!status && writes) {
        status = mr_kafka_offsets_idle(of->offsets, &error);
        if (status == MR_AGAIN && !mr_call_option(of->call, "yes")) {
            fprintf(stderr, "note: %s\n", error.text);
            status = MR_OK;
        }
    }
    if (!status)
        status = mr_kafka_offsets_read(of->offsets, &error);
    if (status)
        return mr_complain(status, "%s", error.text);
    status = choose(of);
    return status ? status : step(of);
}

mr_status mr_offsets_run_all(const mr_call *call, bool writes, mr_offsets_step *step)
{
    mr_offsets_run of = {.call = call};
    mr_status status = mr_call_config(call, &of.config);
    if (status)
        return status;
    of.fingerprint = mr_fingerprint(of.config);
    of.allowed.drop_parked = writes && mr_call_option(call, "drop-parked");
    of.allowed.force = writes && mr_call_option(call, "force");
    status = with_group(&of, writes, step);
    mr_kafka_offsets_close(of.offsets);
    free(of.at);
    free(of.changes);
    free(of.meant);
    mr_config_free(of.config);
    return status;
}

mr_status mr_cmd_offsets_show(mr_call *call)
{
    return mr_offsets_run_all(call, false, show);
}

mr_status mr_cmd_offsets_export(mr_call *call)
{
    return mr_offsets_run_all(call, false, export);
}
