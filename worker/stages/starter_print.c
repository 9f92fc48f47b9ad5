/* A first configuration as a file to edit: the example, and the proposal. */
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "stages/starter.h"

/* A JSON string of the configuration: a dollar is doubled there, and nothing in it can command a terminal. */
static void put_text(FILE *out, const char *text)
{
    char piece[16];
    fputc('"', out);
    for (size_t len = strlen(text); len > 0;) {
        size_t chars = mr_utf8_char(text, len);
        chars = chars ? chars : 1;
        unsigned char c = (unsigned char)*text, second = chars == 2 ? (unsigned char)text[1] : 0;
        mr_buf buf = mr_buf_over(piece, sizeof piece);
        if (c == '$')
            mr_buf_text(&buf, "$$");
        else if (c == 0x7f || (c == 0xc2 && second < 0xa0))
            mr_buf_printf(&buf, "\\u%04x", second ? second : c);
        else
            mr_buf_json(&buf, text, chars);
        /* mr_buf_json brings quotes. */
        fwrite(piece + (*piece == '"'), 1, buf.len - (*piece == '"' ? 2 : 0), out);
        text += chars;
        len -= chars;
    }
    fputc('"', out);
}

static void put_head(const mr_sample *sample, const char *topic, FILE *out)
{
    fputs("// Proposed by `millrace config --starter` from ", out);
    fprintf(out, "%u event%s of topic ", sample->seen, sample->seen == 1 ? "" : "s");
    mr_text_put_tame(topic, out);
    fputs(
        ".  Look at every column.\n"
        "//\n"
        "// Fill in the shard at the end: ${DB_HOST} is a variable of the environment, or write the name "
        "in "
        "its place.\n"
        "// Then, with this file as FILE:\n"
        "//   millrace check --offline -c FILE    is the file right?\n"
        "//   millrace ddl -c FILE                the statement that makes the table, on every shard\n"
        "//   millrace check -c FILE              brokers, topics, logins, the table against these columns\n"
        "//   millrace run -c FILE                the worker\n"
        "// `millrace config --reference` explains every key.\n",
        out);
    uint32_t broken = sample->seen - sample->tombstones - sample->objects;
    if (broken > 0)
        fprintf(out, "//\n// %u of them are no JSON objects and become dead letters.\n", broken);
}

static void put_properties(const char *name, const mr_properties *properties, FILE *out)
{
    if (properties->count == 0)
        return;
    fprintf(out, ",\n    \"%s\": {", name);
    for (size_t i = 0; i < properties->count; i++) {
        fputs(i ? ", " : " ", out);
        put_text(out, properties->at[i].name);
        fputs(": ", out);
        put_text(out, properties->at[i].value);
    }
    fputs(" }", out);
}

static void put_kafka(const mr_config *config, const char *topic, FILE *out)
{
    char group[300];
    snprintf(group, sizeof group, "millrace-%s", topic);
    fputs("{\n  \"kafka\": {\n    \"bootstrap_servers\": ", out);
    put_text(out, config->kafka.bootstrap_servers);
    fputs(",\n    \"group_id\": ", out);
    put_text(out, group);
    put_properties("properties", &config->kafka.properties, out);
    put_properties("properties_file", &config->kafka.properties_file, out);
    put_properties("consumer_properties", &config->kafka.consumer_properties, out);
    if (config->kafka.token_file[0]) {
        fputs(",\n    \"token_file\": ", out);
        put_text(out, config->kafka.token_file);
    }
    fputs("\n  },\n", out);
}

static void put_key(const mr_sample *sample, const mr_starter *starter, FILE *out)
{
    if (starter->key_count == 0) {
        fputs("    // What routes an event to a shard: the message's key.  A field of the event is written "
              "as its "
              "path.\n    \"key\": \"@key\",\n",
              out);
        if (sample->with_key < sample->seen)
            fprintf(out, "    // %u of %u messages have none: these are spread evenly.\n",
                    sample->seen - sample->with_key, sample->seen);
        return;
    }
    fputs("    // What routes an event to a shard: the first of these that is there and not null.\n    "
          "\"key\": [",
          out);
    for (size_t i = 0; i < starter->key_count; i++) {
        fputs(i ? ", " : "", out);
        put_text(out, starter->key[i]->from);
    }
    fputs("],\n", out);
    if (starter->keyless > 0)
        fprintf(out,
                "    // %u of %u events have none of them: these are spread evenly.  With \"dlq\" they "
                "become dead "
                "letters.\n    \"key_missing\": \"spread\",\n",
                starter->keyless, sample->objects);
}

/* In columns of their own, as far as names are not too long. */
static void put_padding(FILE *out, size_t written, size_t width)
{
    fprintf(out, "%*s", written < width ? (int)(width - written) : 0, "");
}

static void put_column(const mr_proposal *column, bool last, size_t name_width, size_t from_width, FILE *out)
{
    fputs("      { \"name\": ", out);
    put_text(out, column->name);
    fputc(',', out);
    put_padding(out, strlen(column->name), name_width);
    fputs(" \"from\": ", out);
    put_text(out, column->from);
    fputc(',', out);
    put_padding(out, strlen(column->from), from_width);
    fprintf(out, " \"type\": \"%s\"", mr_type_name(column->type));
    if (column->max_bytes > 0)
        fprintf(out, ", \"max_bytes\": %u", column->max_bytes);
    if (column->type == MR_TYPE_DECIMAL)
        fputs(", \"precision\": 38, \"scale\": 0", out);
    if (column->assume_utc)
        fputs(", \"assume_offset\": \"Z\"", out);
    if (column->truncate)
        fputs(", \"fraction\": \"truncate\"", out);
    fprintf(out, "%s }%s%s%s\n", column->required ? ", \"required\": true" : "", last ? "" : ",",
            *column->comment ? " // " : "", column->comment);
}

static void put_columns(const mr_sample *sample, const mr_starter *starter, FILE *out)
{
    size_t name_width = 0, from_width = 0;
    for (size_t i = 0; i < starter->count; i++) {
        size_t name = strlen(starter->columns[i].name), from = strlen(starter->columns[i].from);
        name_width = name > name_width && name <= 32 ? name : name_width;
        from_width = from > from_width && from <= 32 ? from : from_width;
    }
    bool required = false;
    for (size_t i = 0; i < starter->count; i++)
        required = required || starter->columns[i].required;
    if (required)
        fprintf(out,
                "    // required: these were in all %u events; one without becomes a dead letter.  Take it "
                "out where "
                "that may happen.\n",
                sample->objects);
    fputs("    // max_bytes: some twice the longest of the sample; what is longer becomes a dead letter.\n"
          "    \"columns\": [\n",
          out);
    for (size_t i = 0; i < starter->count; i++)
        put_column(&starter->columns[i], i + 1 == starter->count, name_width, from_width, out);
    for (size_t i = 0; i < starter->left_count && i < sizeof starter->left / sizeof starter->left[0]; i++) {
        fputs("      // without a column: ", out);
        mr_text_put_tame(starter->left[i], out); /* a line's end would end the comment */
        fputc('\n', out);
    }
    if (starter->left_count > sizeof starter->left / sizeof starter->left[0])
        fprintf(out, "      // without a column: %zu in all\n", starter->left_count);
    fputs("    ]\n  }],\n", out);
}

void mr_starter_print(const mr_sample *sample, const mr_starter *starter, const mr_config *kafka,
                      const char *topic, FILE *out)
{
    char table[65];
    size_t len = strlen(topic) < sizeof table ? strlen(topic) : sizeof table - 1;
    for (size_t i = 0; i < len; i++) /* a dot would name a database */
        table[i] = topic[i] == '.' || topic[i] == '-' ? '_' : topic[i];
    table[len] = 0;
    put_head(sample, topic, out);
    put_kafka(kafka, topic, out);
    fputs("  \"streams\": [{\n    \"name\": ", out);
    put_text(out, topic);
    fputs(",\n    \"topic\": ", out);
    put_text(out, topic);
    fputs(",\n    \"table\": ", out);
    put_text(out, table);
    fputs(",\n", out);
    put_key(sample, starter, out);
    if (sample->tombstones > 0)
        fprintf(out,
                "    // %u of %u messages have no value.  Without this they become dead letters.\n    "
                "\"tombstone\": \"skip\",\n",
                sample->tombstones, sample->seen);
    fprintf(out,
            "    // What makes a row unique: a KSUID of the event's place in Kafka.  Read again it is the "
            "same row.\n"
            "    \"id\": { \"column\": \"%s\", \"from\": \"ksuid\" },\n",
            starter->id);
    put_columns(sample, starter, out);
    fputs("  // What all shards have in common.  The file holds the password of the user, who needs SELECT, "
          "INSERT and "
          "UPDATE.\n"
          "  // TLS: add \"tls\": { \"ca_file\": \"/etc/ssl/certs/ca-certificates.crt\" }.\n"
          "  \"shard_defaults\": { \"user\": \"millrace\", \"database\": \"millrace\", \"password_file\": "
          "\"/run/secrets/mysql-password\" },\n"
          "  \"shards\": [\n"
          "    { \"name\": \"s0\", \"host\": \"${DB_HOST}\", \"port\": 3306 }\n"
          "  ],\n"
          "  // Create this topic as well: what cannot become a row goes there.\n"
          "  \"dlq\": { \"topic\": \"{topic}.dlq\" }\n"
          "}\n",
          out);
}

void mr_starter_example(FILE *out)
{
    fputs("// A first configuration for millrace.  Next: millrace check -c FILE, millrace ddl -c FILE, "
          "millrace run -c FILE.\n"
          "// Every key is explained by `millrace config --reference`.\n"
          "{\n"
          "  \"kafka\": {\n"
          "    \"bootstrap_servers\": \"localhost:9092\",\n"
          "    \"group_id\": \"millrace\"\n"
          "  },\n"
          "  \"streams\": [{\n"
          "    \"name\": \"events\",\n"
          "    \"topic\": \"events\",\n"
          "    \"table\": \"events\",\n"
          "    // What routes an event: the first of these fields that is present and not null.\n"
          "    \"key\": [\"userId\", \"anonymousId\"],\n"
          "    // What makes a row unique: a KSUID of the event's coordinates, BINARY(20).\n"
          "    \"id\": { \"column\": \"id\", \"from\": \"ksuid\" },\n"
          "    \"columns\": [\n"
          "      { \"name\": \"type\", \"from\": \"type\", \"type\": \"string\", \"max_bytes\": 16, "
          "\"required\": true },\n"
          "      { \"name\": \"user_id\", \"from\": \"userId\", \"type\": \"string\", \"max_bytes\": 64 },\n"
          "      { \"name\": \"total\", \"from\": \"properties.total\", \"type\": \"decimal\", "
          "\"precision\": 12, \"scale\": 2 },\n"
          "      { \"name\": \"occurred_at\", \"from\": \"timestamp\", \"type\": \"datetime\" },\n"
          "      { \"name\": \"properties\", \"from\": \"properties\", \"type\": \"json\", \"max_bytes\": "
          "1024 },\n"
          "      { \"name\": \"kafka_offset\", \"from\": \"@offset\", \"type\": \"int64\" }\n"
          "    ]\n"
          "  }],\n"
          "  // What all shards have in common.\n"
          "  \"shard_defaults\": { \"user\": \"millrace\", \"database\": \"events\", \"password_file\": "
          "\"/run/secrets/db\" },\n"
          "  \"shards\": [\n"
          "    { \"name\": \"s0\", \"host\": \"db-0\" },\n"
          "    { \"name\": \"s1\", \"host\": \"db-1\" }\n"
          "  ],\n"
          "  \"dlq\": { \"topic\": \"events.dlq\" }\n"
          "}\n",
          out);
}
