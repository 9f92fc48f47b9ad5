#include "decode_plan.h"

#include <stdio.h>
#include <string.h>

#include "base/ksuid.h"
#include "base/must.h"
#include "stages/values.h"

static mr_form form_of(mr_type type)
{
    switch (type) {
    case MR_TYPE_STRING:
    case MR_TYPE_JSON:
    case MR_TYPE_DECIMAL:
        return MR_FORM_TEXT;
    case MR_TYPE_UUID:
    case MR_TYPE_BINARY:
        return MR_FORM_BYTES;
    case MR_TYPE_UINT8:
    case MR_TYPE_UINT16:
    case MR_TYPE_UINT32:
    case MR_TYPE_UINT64:
        return MR_FORM_UINT64;
    case MR_TYPE_DOUBLE:
        return MR_FORM_DOUBLE;
    case MR_TYPE_DATETIME:
        return MR_FORM_DATETIME;
    case MR_TYPE_DATE:
        return MR_FORM_DATE;
    case MR_TYPE_TIME:
        return MR_FORM_TIME;
    default:
        return MR_FORM_INT64;
    }
}

static uint32_t capacity_of(const mr_column *column)
{
    switch (column->type) {
    case MR_TYPE_DECIMAL:
        return MR_DECIMAL_TEXT;
    case MR_TYPE_UUID:
        return 16;
    case MR_TYPE_BINARY:
        return (column->max_bytes + 2) / 3 * 4; /* its base64 text, when that comes with escapes */
    default:
        return column->max_bytes;
    }
}

void mr_stream_layout(const mr_stream *stream, mr_layout *layout)
{
    layout->fields = 0;
    if (stream->id_ksuid)
        layout->field[layout->fields++] = (mr_field){.form = MR_FORM_BYTES, .capacity = MR_KSUID_BYTES};
    for (size_t i = 0; i < stream->column_count; i++)
        layout->field[layout->fields++] = (mr_field){.form = form_of(stream->columns[i].type),
                                                     .capacity = capacity_of(&stream->columns[i])};
    mr_layout_place(layout);
}

/* ---- sources ---- */

static void count_paths(const mr_sources *sources, size_t *paths, size_t *steps)
{
    for (size_t i = 0; i < sources->count; i++)
        if (sources->at[i].kind == MR_FROM_PATH) {
            ++*paths;
            *steps += sources->at[i].steps;
        }
}

static mr_from *compile_sources(mr_decoder *decoder, const mr_sources *sources, mr_arena *arena)
{
    mr_from *made = mr_arena_take(arena, "decoders", sources->count ? sources->count : 1, sizeof *made);
    for (size_t i = 0; i < sources->count; i++) {
        const mr_source *source = &sources->at[i];
        made[i] = (mr_from){.kind = source->kind, .header = source->header};
        if (source->kind == MR_FROM_PATH)
            made[i].path = mr_paths_add(decoder->paths, source->step, source->steps);
    }
    return made;
}

static void resolve_sources(const mr_decoder *decoder, mr_from *from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (from[i].kind == MR_FROM_PATH)
            from[i].span = mr_paths_span(decoder->paths, decoder->spans, from[i].path);
}

/* ---- constants and defaults ---- */

static mr_status store_constant(mr_decoder *decoder, size_t i, uint32_t field, const char *json,
                                mr_error *error)
{
    const mr_column *column = &decoder->stream->columns[i];
    mr_span span;
    size_t position;
    char text[1024];
    /* As the one member of an object, so that the scanner of events reads it. */
    int len = snprintf(text, sizeof text, "{\"v\":%s}", json);
    if (len >= (int)sizeof text)
        return mr_fail(error, MR_CONFIG, "column %s: its constant is longer than %zu bytes: shorten it",
                       column->name, sizeof text - 8);
    mr_arena *scratch = mr_arena_new();
    mr_paths *first = mr_paths_new(scratch, 1, 1);
    mr_paths_add(first, (const char *const[]){"v"}, 1);
    mr_paths_seal(first);
    mr_reason reason = mr_json_scan(first, NULL, text, (size_t)len, &span, &position);
    mr_arena_free(scratch);
    mr_value value = {
        .kind = (mr_json_kind)span.kind, .at = text + span.at, .len = span.len, .escaped = span.escaped};
    if (!reason)
        reason = mr_decode_value(&decoder->columns[i], &decoder->layout, decoder->defaults, field, &value);
    if (reason)
        return mr_fail(error, MR_CONFIG, "column %s: its constant or default %s does not fit: %s",
                       column->name, json, mr_reason_text(reason));
    return MR_OK;
}

static mr_status compile_columns(mr_decoder *decoder, mr_arena *arena, mr_error *error)
{
    const mr_stream *stream = decoder->stream;
    uint32_t field = stream->id_ksuid;
    decoder->columns = mr_arena_take(arena, "decoders", stream->column_count, sizeof *decoder->columns);
    decoder->quick = mr_arena_take(arena, "decoders", stream->column_count, sizeof *decoder->quick);
    decoder->defaults = mr_arena_take(arena, "decoders", 1, decoder->layout.size);
    for (size_t i = 0; i < stream->column_count; i++, field++) {
        const mr_column *column = &stream->columns[i];
        decoder->columns[i] = (mr_column_plan){
            .column = column,
            .from = compile_sources(decoder, &column->from, arena),
            .from_count = column->from.count,
            .constant = column->value_json != NULL,
            .has_default = column->default_json != NULL,
            .from_timestamp = column->from.count == 1 && column->from.at[0].kind == MR_FROM_TIMESTAMP};
        const char *json = column->value_json ? column->value_json : column->default_json;
        mr_status status = json ? store_constant(decoder, i, field, json, error) : MR_OK;
        if (status)
            return status;
    }
    return MR_OK;
}

mr_status mr_decoder_new(const mr_stream *stream, mr_arena *arena, mr_decoder **out, mr_error *error)
{
    size_t paths = 0, steps = 0;
    mr_decoder *decoder = mr_arena_take(arena, "decoders", 1, sizeof *decoder);
    decoder->stream = stream;
    mr_stream_layout(stream, &decoder->layout);
    count_paths(&stream->key, &paths, &steps);
    for (size_t i = 0; i < stream->column_count; i++)
        count_paths(&stream->columns[i].from, &paths, &steps);
    decoder->paths = mr_paths_new(arena, paths, steps);
    decoder->guesses = mr_guesses_new(arena);
    decoder->spans = mr_arena_take(arena, "decoders", paths ? paths : 1, sizeof *decoder->spans);
    decoder->key = compile_sources(decoder, &stream->key, arena);
    decoder->key_count = stream->key.count;
    mr_status status = compile_columns(decoder, arena, error);
    if (status) {
        mr_error_context(error, "stream %s", stream->name);
        return status;
    }
    mr_paths_seal(decoder->paths);
    resolve_sources(decoder, decoder->key, decoder->key_count);
    static const mr_span missing = {.kind = MR_JSON_MISSING};
    bool path_first = decoder->key_count > 0 && decoder->key->kind == MR_FROM_PATH;
    decoder->key_span = path_first ? decoder->key->span : &missing;
    if (path_first)
        mr_guesses_hash(decoder->guesses, decoder->paths, decoder->key->path);
    for (size_t i = 0; i < stream->column_count; i++) {
        resolve_sources(decoder, decoder->columns[i].from, decoder->columns[i].from_count);
        mr_quick_plan(&decoder->quick[i], &decoder->columns[i], &decoder->layout.field[i + stream->id_ksuid]);
    }
    for (uint32_t i = 0; i < decoder->layout.fields; i++)
        decoder->fixed_bytes += decoder->layout.field[i].form <= MR_FORM_BYTES ? 5 : 13;
    *out = decoder;
    return MR_OK;
}

const mr_layout *mr_decoder_layout(const mr_decoder *decoder)
{
    return &decoder->layout;
}
