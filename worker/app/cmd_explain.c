/* explain */
#include <jansson.h>
#include <string.h>

#include "app/command.h"
#include "app/worker.h"
#include "edges/sql.h"
#include "stages/snapshot.h"

static const char *const forms[] = {"text", "bytes", "int64", "uint64", "double", "datetime", "date", "time"};

static const char *field_name(const mr_stream *stream, uint32_t field)
{
    if (stream->id_ksuid && field == 0)
        return stream->id_column;
    return stream->columns[field - stream->id_ksuid].name;
}

/* Of one row; good until the next. */
static const char *statement(const mr_stream *stream, mr_dialect dialect)
{
    static char text[MR_SQL_TEXT_MAX];
    mr_buf out = mr_buf_over(text, sizeof text);
    mr_sql_statement(stream, dialect, 1, &out);
    return out.full ? "longer than the worker takes: use fewer columns" : text;
}

static uint32_t shards_of(const mr_worker *worker)
{
    return (uint32_t)worker->config->shard_count;
}

static json_t *stream_json(const mr_stream *stream, const mr_layout *layout)
{
    json_t *fields = json_array();
    for (uint32_t i = 0; i < layout->fields; i++)
        json_array_append_new(fields,
                              json_pack("{s:s, s:s, s:i, s:i}", "column", field_name(stream, i), "form",
                                        forms[layout->field[i].form], "at", (int)layout->field[i].value_at,
                                        "capacity", (int)layout->field[i].capacity));
    json_t *made = json_pack("{s:s, s:s, s:i, s:o}", "name", stream->name, "table", stream->table,
                             "record_bytes", (int)mr_page_row_bytes(layout->size), "fields", fields);
    json_object_set_new(made, "sql_mariadb", json_string(statement(stream, MR_DIALECT_MARIADB)));
    json_object_set_new(made, "sql_mysql", json_string(statement(stream, MR_DIALECT_MYSQL)));
    return made;
}

static uint32_t share_pages(const mr_worker *worker, uint32_t percent)
{
    return (uint32_t)((uint64_t)worker->plan.pages_each * worker->config->kafka.consumer_threads * percent /
                      100);
}

static json_t *explain_json(const mr_worker *worker)
{
    const mr_config *config = worker->config;
    json_t *streams = json_array(), *shards = json_array(), *parts = json_object();
    size_t bytes;
    const char *part;
    for (size_t i = 0; i < config->stream_count; i++)
        json_array_append_new(streams, stream_json(&config->streams[i], &worker->plan.layouts[i]));
    for (size_t i = 0; i < config->shard_count; i++) {
        json_int_t slots = 0;
        for (uint32_t slot = 0; slot < config->slots; slot++)
            slots += config->slot_shard[slot] == i;
        json_array_append_new(shards,
                              json_pack("{s:s, s:I}", "name", config->shards[i].name, "slots", slots));
    }
    for (size_t i = 0; (part = mr_arena_part(worker->arena, i, &bytes)) != NULL; i++)
        json_object_set_new(parts, part, json_integer((json_int_t)bytes));
    size_t total = mr_arena_total(worker->arena);
    uint64_t libraries = mr_worker_libraries(worker);
    char fingerprint[17];
    snprintf(fingerprint, sizeof fingerprint, "%016llx", (unsigned long long)mr_fingerprint(config));
    json_int_t fetch_mib = mr_plan_fetch_mib(config, mr_kafka_library_number());
    json_t *shares = json_pack(
        "{s:i, s:i, s:i, s:i}", "shard_in_trouble_pages",
        (int)share_pages(worker, config->park.pool_share_percent), "shard_part_pages_per_consumer",
        (int)mr_gate_part(shards_of(worker), worker->plan.pages_each), "replay_kept_pages_per_consumer",
        (int)worker->plan.pages_each / 4, "replay_most_pages_per_consumer", (int)worker->plan.pages_each / 2);
    return json_pack("{s:s, s:o, s:i, s:o, s:{s:I, s:I, s:I, s:I, s:o, s:i, s:i, s:i, s:o}}", "fingerprint",
                     fingerprint, "streams", streams, "slots", (int)config->slots, "shards", shards, "memory",
                     "total_bytes", (json_int_t)total, "libraries_bytes", (json_int_t)libraries, "fetch_mib",
                     fetch_mib, "limit_bytes", (json_int_t)(total + libraries), "parts", parts, "page_bytes",
                     (int)worker->plan.page_bytes, "pages_per_consumer", (int)worker->plan.pages_each,
                     "records_per_page", (int)worker->plan.rows_page, "shares", shares);
}

/* Who may hold how much of the pool when a shard is in trouble (threads/gate.h), and when its events are read again (threads/consumer.c). */
static void print_shares(const mr_worker *worker)
{
    uint32_t percent = worker->config->park.pool_share_percent, pages = worker->plan.pages_each;
    printf("\na shard that takes no rows may hold %u %% of the pool (%u pages) while others want room, then "
           "it is parked\n"
           "three quarters of a consumer thread's pages are the shards' own, %u pages each; the rest is for "
           "whoever comes first\n"
           "while parked events are read again, %u pages of each consumer thread are kept for that, and it "
           "takes %u at most\n",
           percent, share_pages(worker, percent), mr_gate_part(shards_of(worker), pages), pages / 4,
           pages / 2);
}

static void print_text(const mr_worker *worker)
{
    const mr_config *config = worker->config;
    size_t bytes;
    const char *part;
    for (size_t i = 0; i < config->stream_count; i++) {
        const mr_stream *stream = &config->streams[i];
        const mr_layout *layout = &worker->plan.layouts[i];
        printf("stream %s, table %s: records of %u bytes\n", stream->name, stream->table,
               mr_page_row_bytes(layout->size));
        for (uint32_t f = 0; f < layout->fields; f++)
            printf("  %-24s %-9s at %5u, %5u bytes\n", field_name(stream, f), forms[layout->field[f].form],
                   layout->field[f].value_at, layout->field[f].capacity);
        printf("  MariaDB, array binding: %s\n", statement(stream, MR_DIALECT_MARIADB));
        printf("  MySQL, up to 256 rows a statement: %s\n", statement(stream, MR_DIALECT_MYSQL));
    }
    printf("\n%u slots, fingerprint %016llx\n", config->slots, (unsigned long long)mr_fingerprint(config));
    for (size_t i = 0; i < config->shard_count; i++) {
        printf("  shard %s: slots ", config->shards[i].name);
        mr_config_put_slots(config, i, stdout);
        putchar('\n');
    }
    printf("\nmemory: %.1f MiB of our own, taken at start\n",
           (double)mr_arena_total(worker->arena) / (1 << 20));
    for (size_t i = 0; (part = mr_arena_part(worker->arena, i, &bytes)) != NULL; i++)
        printf("  %-16s %10.2f MiB\n", part, (double)bytes / (1 << 20));
    printf("  %u pages of %u bytes, %u records, for each consumer thread\n", worker->plan.pages_each,
           worker->plan.page_bytes, worker->plan.rows_page);
    printf("and at most %.0f MiB for the libraries: 4 x fetch_mib (%u MiB) + 64 MiB (librdkafka: twice for "
           "what is "
           "fetched, "
           "twice more while parked events are read again), 4 pages a connection (Connector/C)\n",
           (double)mr_worker_libraries(worker) / (1 << 20),
           mr_plan_fetch_mib(config, mr_kafka_library_number()));
    print_shares(worker);
}

mr_status mr_cmd_explain(mr_call *call)
{
    mr_config *config;
    mr_worker *worker;
    mr_error error;
    mr_status status = mr_call_config(call, &config);
    if (status)
        return status;
    status = mr_worker_new(config, &worker, &error);
    if (status) {
        mr_complain(status, "%s", error.text);
    } else if (mr_call_json(call)) {
        mr_print_json(explain_json(worker));
    } else {
        print_text(worker);
    }
    mr_worker_free(worker);
    mr_config_free(config);
    return status;
}
