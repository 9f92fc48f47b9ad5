/* A whole event: what is decoded keeps within its columns, its text is JSON, and that text decoded gives the same row; the usual way of each column and
 * the general one give the same, too. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/text.h"
#include "stages/decode.h"
#include "stages/record_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* ' stands for the quotes of JSON.  Short limits, so that short events reach them. */
static char configuration[] =
    "{'kafka':{'bootstrap_servers':'b:1','group_id':'g'},'streams':[{'name':'s','topic':'t','table':'t',"
    "'key':['k.a','k.b','@key'],'id':{'column':'id','from':'ksuid'},'columns':["
    "{'name':'s','from':'s','type':'string','max_bytes':8},"
    "{'name':'n','from':'n','type':'string','max_bytes':8,'max_chars':3,'on_too_long':'null'},"
    "{'name':'c','from':['c','k.a'],'type':'string','max_bytes':9,'max_chars':4,'on_too_long':'truncate'},"
    "{'name':'b','from':'b','type':'bool'},"
    "{'name':'i1','from':'i1','type':'int8','accept':['number','string']},"
    "{'name':'i2','from':'i2','type':'int16','accept':['number','string']},"
    "{'name':'i4','from':'i4','type':'int32','accept':['number','string']},"
    "{'name':'i8','from':'i8','type':'int64','accept':['number','string'],'default':-1},"
    "{'name':'u1','from':'u1','type':'uint8'},"
    "{'name':'u2','from':'u2','type':'uint16'},"
    "{'name':'u4','from':'u4','type':'uint32'},"
    "{'name':'u8','from':'u8','type':'uint64','accept':['number','string']},"
    "{'name':'d','from':'d','type':'double'},"
    "{'name':'m','from':'m','type':'decimal','precision':12,'scale':3,'accept':['number','string']},"
    "{'name':'t','from':'t','type':'datetime','assume_offset':'+01:30','fraction':'truncate'},"
    "{'name':'da','from':'da','type':'date'},"
    "{'name':'ti','from':'ti','type':'time'},"
    "{'name':'u','from':'u','type':'uuid'},"
    "{'name':'x','from':'x','type':'binary','max_bytes':7},"
    "{'name':'j','from':'j','type':'json','max_bytes':24},"
    "{'name':'e','from':'e','type':'datetime','unit':'ms','fraction':'truncate'},"
    "{'name':'o','from':'o.1','type':'int8'}]}],"
    "'shards':[{'name':'a','host':'h','user':'u','database':'d'}]}";

/* Columns from here on are not read back: their text is a string that holds JSON, a time instead of a number, a place in an array. */
enum { AGAIN_COLUMNS = 19 };

static mr_config *config, *general_config;
static mr_arena *arena, *texts, *general_texts; /* where leaks are looked for */
static mr_decoder *decoder, *general;
static const mr_layout *layout;
static unsigned char *record, *second;
static char *text;
static size_t text_max;

/* A source that is never there beside the only one makes it a column of the general way. */
static void make_general(char *into)
{
    const char *from = "'from':'", *at = configuration, *next;
    while ((next = strstr(at, from))) {
        const char *name = next + strlen(from), *end = strchr(name, '\'');
        bool is_column = strncmp(name, "ksuid", 5) != 0;
        into += sprintf(into, is_column ? "%.*s'from':['%.*s','never']" : "%.*s'from':'%.*s'",
                        (int)(next - at), at, (int)(end - name), name);
        at = end + 1;
    }
    strcpy(into, at);
}

static mr_decoder *compile(char *settings, mr_config **made)
{
    mr_findings findings = {0};
    mr_error error;
    mr_decoder *out;
    for (char *at = settings; (at = strchr(at, '\'')); at++)
        *at = '"';
    must(mr_config_parse("fuzz", settings, strlen(settings), NULL, made, &findings) == MR_OK);
    must(mr_decoder_new(&(*made)->streams[0], arena, &out, &error) == MR_OK);
    return out;
}

static void prepare(void)
{
    static char general_configuration[2 * sizeof configuration];
    arena = mr_arena_new();
    make_general(general_configuration);
    decoder = compile(configuration, &config);
    general = compile(general_configuration, &general_config);
    texts = config->texts;
    general_texts = general_config->texts;
    layout = mr_decoder_layout(decoder);
    record = mr_arena_take(arena, "record", 1, layout->size);
    second = mr_arena_take(arena, "record", 1, layout->size);
    text_max = mr_record_text_max(&config->streams[0], layout);
    text = mr_arena_take(arena, "text", 1, text_max);
}

static mr_reason decode(mr_decoder *with, const char *value, size_t len, unsigned char *into,
                        mr_refusal *refusal)
{
    uint32_t wire_bytes;
    uint64_t hash;
    mr_event event = {.value = value,
                      .value_len = len,
                      .key = "k",
                      .key_len = 1,
                      .topic = "t",
                      .offset = 7,
                      .timestamp_ms = 1700000000123};
    memset(into, 0xee, layout->size); /* bytes past a value's length are undefined */
    mr_reason reason = mr_decode_scan(with, &event, &hash, refusal);
    if (!reason)
        reason = mr_decode_store(with, &event, into, &wire_bytes, refusal);
    must(!reason || (refusal->reason == reason && refusal->column && refusal->position <= len));
    return reason;
}

static void check_limits(void)
{
    const mr_stream *stream = &config->streams[0];
    for (uint32_t i = 0; i < stream->column_count; i++) {
        const mr_column *column = &stream->columns[i];
        uint32_t field = i + stream->id_ksuid;
        char indicator = *mr_record_indicator(layout, record, field);
        must(indicator == MR_VALUE_SET || indicator == MR_VALUE_NULL);
        if (layout->field[field].form > MR_FORM_BYTES || indicator == MR_VALUE_NULL)
            continue;
        unsigned long bytes = *mr_record_length(layout, record, field);
        const char *value = (const char *)mr_record_value(layout, record, field);
        must(bytes <= layout->field[field].capacity && (!column->max_bytes || bytes <= column->max_bytes));
        if (layout->field[field].form != MR_FORM_TEXT)
            continue;
        size_t chars = 0;
        must(mr_utf8_valid(value, bytes));
        for (size_t at = 0; at < bytes; at += mr_utf8_char(value + at, bytes - at))
            chars++;
        must(!column->max_chars || chars <= column->max_chars);
    }
}

/* Of the record and the second one. */
static void check_same(uint32_t columns)
{
    for (uint32_t i = 0; i < columns; i++) {
        uint32_t field = i + 1;
        const mr_field *about = &layout->field[field];
        must(*mr_record_indicator(layout, record, field) == *mr_record_indicator(layout, second, field));
        if (*mr_record_indicator(layout, record, field) == MR_VALUE_NULL)
            continue;
        size_t bytes = about->capacity;
        if (about->form <= MR_FORM_BYTES) {
            bytes = *mr_record_length(layout, record, field);
            must(bytes == *mr_record_length(layout, second, field));
        }
        must(!memcmp(mr_record_value(layout, record, field), mr_record_value(layout, second, field), bytes));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (!config)
        prepare();
    /* A copy of exactly that length, so that an overrun is seen. */
    char *value = malloc(len ? len : 1);
    memcpy(value, bytes, len);
    mr_refusal refusal, other;
    mr_reason reason = decode(decoder, value, len, record, &refusal);
    must(reason == decode(general, value, len, second, &other));
    free(value);
    if (reason) {
        must(refusal.position == other.position && !strcmp(refusal.column, other.column));
        return 0;
    }
    check_same((uint32_t)config->streams[0].column_count);
    check_limits();
    mr_buf out = mr_buf_over(text, text_max);
    mr_record_text(&config->streams[0], layout, record, &out);
    must(!out.full);
    json_t *row = json_loadb(text, out.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    must(row && json_object_size(row) == config->streams[0].column_count);
    /* Without what is not read back. */
    for (size_t i = AGAIN_COLUMNS; i < config->streams[0].column_count; i++)
        json_object_del(row, config->streams[0].columns[i].name);
    char *again = json_dumps(row, JSON_COMPACT | JSON_REAL_PRECISION(17));
    must(again && !decode(decoder, again, strlen(again), second, &refusal));
    check_same(AGAIN_COLUMNS);
    free(again);
    json_decref(row);
    return 0;
}
