/* decode: JSON lines to the rows they would become. */
#include <jansson.h>
#include <stdlib.h>

#include "app/command.h"
#include "base/ksuid.h"
#include "base/must.h"
#include "stages/decode.h"
#include "stages/record_text.h"
#include "stages/route.h"

typedef struct decoding {
    const mr_config *config;
    const mr_stream *stream;
    mr_decoder *decoder;
    unsigned char *record;
    char *text; /* of a row */
    size_t text_cap;
    int64_t timestamp_ms;
} decoding;

static void refused(const decoding *d, int64_t line, const mr_refusal *refusal)
{
    json_t *error = json_pack("{s:s, s:s, s:{s:s, s:s, s:I, s:s}, s:I}", "stream", d->stream->name, "shard",
                              "", "error", "reason", mr_reason_name(refusal->reason), "column",
                              refusal->column, "position", (json_int_t)refusal->position, "message",
                              mr_reason_text(refusal->reason), "line", (json_int_t)line);
    json_object_del(error, "shard");
    char *text = json_dumps(error, JSON_COMPACT);
    fprintf(stderr, "millrace: line %lld: %s%s%s, at byte %zu: %s\n", (long long)line,
            mr_reason_text(refusal->reason), *refusal->column ? ", column " : "", refusal->column,
            refusal->position, text);
    free(text);
    json_decref(error);
}

/* {column: value} of the row that was decoded last. */
static json_t *row_json(const decoding *d)
{
    mr_buf text = mr_buf_over(d->text, d->text_cap);
    mr_record_text(d->stream, mr_decoder_layout(d->decoder), d->record, &text);
    must(!text.full);
    json_t *row = json_loadb(text.at, text.len, JSON_ALLOW_NUL, NULL);
    must(row);
    return row;
}

/* False when the event would become a dead letter. */
static bool decode_line(decoding *d, const char *text, size_t len, int64_t line)
{
    mr_event event = {.value = text,
                      .value_len = len,
                      .topic = d->stream->topics[0],
                      .offset = line,
                      .timestamp_ms = d->timestamp_ms,
                      .source_hash = mr_ksuid_source(d->stream->id_namespace, d->stream->topics[0])};
    mr_refusal refusal = {.column = ""};
    uint64_t hash;
    uint32_t bytes;
    if (mr_decode_scan(d->decoder, &event, &hash, &refusal) ||
        mr_decode_store(d->decoder, &event, d->record, &bytes, &refusal)) {
        refused(d, line + 1, &refusal);
        return false;
    }
    const mr_layout *layout = mr_decoder_layout(d->decoder);
    json_t *row = row_json(d);
    json_t *id = NULL;
    if (d->stream->id_ksuid) {
        char ksuid[MR_KSUID_TEXT + 1];
        mr_ksuid_format(mr_record_value(layout, d->record, 0), ksuid);
        id = json_string(ksuid);
    } else if (d->stream->id_column_count == 1) {
        id = json_incref(json_object_get(row, d->stream->columns[d->stream->id_columns[0]].name));
    } else {
        id = json_array();
        for (size_t i = 0; i < d->stream->id_column_count; i++)
            json_array_append(id, json_object_get(row, d->stream->columns[d->stream->id_columns[i]].name));
    }
    json_t *made = json_pack("{s:s, s:s, s:o, s:o}", "stream", d->stream->name, "shard",
                             d->config->shards[mr_route_shard(d->config, hash)].name, "id", id, "row", row);
    mr_print_json_line(made);
    return true;
}

static mr_status decode_all(decoding *d)
{
    mr_line line = {0};
    mr_status status = MR_OK, decoded = MR_OK;
    while (mr_next_line(&line, &status))
        if (!decode_line(d, line.text, line.len, (int64_t)line.number - 1))
            decoded = MR_DATA;
    free(line.text);
    return mr_status_worse(status, decoded);
}

mr_status mr_cmd_decode(mr_call *call)
{
    mr_config *config;
    mr_error error;
    decoding d = {.timestamp_ms = mr_call_number(call, "timestamp", 0)};
    mr_status status = mr_call_config(call, &config);
    if (status)
        return status;
    mr_arena *arena = mr_arena_new();
    d.config = config;
    d.stream = mr_call_stream(call, config, &status);
    if (d.stream) {
        status = mr_decoder_new(d.stream, arena, &d.decoder, &error);
        if (status) {
            mr_complain(status, "%s", error.text);
        } else {
            const mr_layout *layout = mr_decoder_layout(d.decoder);
            d.record = mr_arena_take(arena, "record", 1, layout->size);
            d.text_cap = mr_record_text_max(d.stream, layout);
            d.text = mr_arena_take(arena, "text", 1, d.text_cap);
            status = decode_all(&d);
        }
    }
    mr_arena_free(arena);
    mr_config_free(config);
    return status;
}
