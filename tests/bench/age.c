/* bench_age: how old the rows were when they were written: the event's Kafka timestamp against the row's `inserted_at`.
 *
 *   bench_age ADDRESSES TOPIC EVENTS SKIP SOCKET DATABASE [SOCKET DATABASE]...
 *
 * The table `events` of each database has `inserted_at DATETIME(6) DEFAULT SYSDATE(6)`: the server's clock when it wrote that very row, no
 * matter which program sent it.  The event is found by the number at the end of its messageId (segment.h); those below SKIP (a start that
 * is not meant) and from EVENTS on (a warm-up) do not count.  Producer and servers share this machine's clock.  Kafka's timestamps are whole
 * milliseconds, cut off: ages are up to 1 ms too high.  The commit that makes the row durable comes after it was written, and is not in it.
 *
 * Prints one JSON line: rows, p50_ms, p99_ms, p999_ms, max_ms.  Exit 1 when an event that counts has no row.  One thread.
 */
#include <mysql.h>
#include <stdbool.h>

#include "../tools/tool.h"

typedef struct ages {
    int64_t *sent_ms; /* [events], 0: not on the topic */
    int64_t *age_us;  /* [events], of rows as they come */
    uint64_t events, skip, rows;
} ages;

/* The number of an event, as its messageId ends with it. */
static bool number_of(const char *id, size_t len, uint64_t *number)
{
    char digits[11];
    char *end;
    if (len < 11 || id[len - 11] != '-')
        return false;
    memcpy(digits, id + len - 10, 10);
    digits[10] = 0;
    *number = strtoull(digits, &end, 16);
    return !*end;
}

static void note(ages *a, const rd_kafka_message_t *message)
{
    static const char name[] = "\"messageId\":\"";
    const char *id = memmem(message->payload, message->len, name, sizeof name - 1);
    uint64_t number;
    if (!id)
        die("an event without a messageId");
    id += sizeof name - 1;
    const char *end = memchr(id, '"', message->len - (size_t)(id - (const char *)message->payload));
    if (end && number_of(id, (size_t)(end - id), &number) && number < a->events)
        a->sent_ms[number] = rd_kafka_message_timestamp(message, NULL);
}

/* All partitions from their beginning to where they end now. */
static void read_topic(ages *a, const char *bootstrap, const char *topic)
{
    static const tool_properties none;
    rd_kafka_conf_t *conf = tool_conf(bootstrap, &none);
    tool_set(conf, "group.id", "bench-age");
    tool_set(conf, "enable.auto.commit", "false");
    tool_set(conf, "enable.partition.eof", "true");
    rd_kafka_t *client = tool_client(RD_KAFKA_CONSUMER, conf);
    int32_t partitions = tool_partitions(client, topic);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    for (int32_t i = 0; i < partitions; i++)
        rd_kafka_topic_partition_list_add(list, topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    if (rd_kafka_assign(client, list))
        die("assign");
    for (int32_t open = partitions; open;) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(client, 1000);
        if (!message)
            continue;
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
            open--;
        else if (message->err)
            die("consume: %s", rd_kafka_message_errstr(message));
        else
            note(a, message);
        rd_kafka_message_destroy(message);
    }
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_consumer_close(client);
    rd_kafka_destroy(client);
}

static void read_rows(ages *a, const char *socket, const char *database)
{
    MYSQL *db = mysql_init(NULL);
    MYSQL_ROW row;
    uint64_t number;
    if (!mysql_real_connect(db, NULL, "root", NULL, database, 0, socket, 0) ||
        mysql_query(
            db, "SELECT COALESCE(message_id, id), ROUND(UNIX_TIMESTAMP(inserted_at) * 1000000) FROM events"))
        die("%s: %s", socket, mysql_error(db));
    MYSQL_RES *result = mysql_use_result(db);
    while (result && (row = mysql_fetch_row(result))) {
        if (!row[0] || !number_of(row[0], strlen(row[0]), &number) || number < a->skip || number >= a->events)
            continue;
        if (!a->sent_ms[number] || a->rows == a->events)
            die("the row %s has no event, or more than one row has it", row[0]);
        a->age_us[a->rows++] = strtoll(row[1], NULL, 10) - a->sent_ms[number] * 1000;
    }
    if (mysql_errno(db))
        die("%s: %s", socket, mysql_error(db));
    mysql_free_result(result);
    mysql_close(db);
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static double at_ms(const ages *a, double share)
{
    return (double)a->age_us[(uint64_t)(share * (double)(a->rows - 1))] / 1000;
}

int main(int argc, char **argv)
{
    ages a = {0};
    if (argc < 7 || argc % 2 == 0) {
        fputs("usage: bench_age ADDRESSES TOPIC EVENTS SKIP SOCKET DATABASE [SOCKET DATABASE]...\n", stderr);
        return 2;
    }
    a.events = (uint64_t)tool_number("EVENTS", argv[3]);
    a.skip = (uint64_t)tool_number("SKIP", argv[4]);
    a.sent_ms = tool_alloc(a.events, sizeof *a.sent_ms);
    a.age_us = tool_alloc(a.events, sizeof *a.age_us);
    read_topic(&a, argv[1], argv[2]);
    for (int i = 5; i < argc; i += 2)
        read_rows(&a, argv[i], argv[i + 1]);
    if (a.skip >= a.events || a.rows != a.events - a.skip)
        die("%lu rows of %lu events", a.rows, a.events - a.skip);
    qsort(a.age_us, a.rows, sizeof *a.age_us, by_size);
    printf("{\"rows\":%lu,\"p50_ms\":%.2f,\"p99_ms\":%.2f,\"p999_ms\":%.2f,\"max_ms\":%.2f}\n", a.rows,
           at_ms(&a, 0.5), at_ms(&a, 0.99), at_ms(&a, 0.999), at_ms(&a, 1));
    free(a.sent_ms);
    free(a.age_us);
    return 0;
}
