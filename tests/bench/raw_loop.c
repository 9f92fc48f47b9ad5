/* bench_raw_loop: the same path as a throwaway loop without any guarantee: what the machine gives, to hold Millrace against.
 *
 * One consumer thread (main), memmem for six fields, two writer threads, 5,000 rows a transaction, array binding row by row out of
 * fixed-size structs.  No routing slots, no checks of values, no offsets, no dead letters, no retry: the first error ends it.
 *
 *   bench_raw_loop ADDRESSES TOPIC EVENTS SOCKET0 SOCKET1 DATABASE [ROWS]
 *
 * With ROWS, as for a MySQL, which knows no array binding: prepared INSERTs of so many rows each, bound to the same structs.
 *
 * Prints one JSON line: events a second from the first message to the last commit, CPU of the process, RSS peak.
 */
#include <mysql.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/resource.h>

#include "../tools/tool.h"

enum { BATCH = 5000, BUFFERS = 6, WRITERS = 2, COLUMNS = 8 };

typedef struct row {
    unsigned long id_len, type_len, user_len, total_len, properties_len, message_len;
    char user_null, total_null, properties_null, none;
    int64_t offset;
    MYSQL_TIME when;
    char id[20], type[16], user[64], total[16], message[64], properties[1024];
} row;

typedef struct batch {
    row rows[BATCH];
    unsigned count;
    bool ready; /* filled, the writer's turn */
} batch;

typedef struct writer {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t turned;
    batch *ring; /* [BUFFERS], used in order by both sides */
    unsigned fill;
    bool over;
    const char *socket, *database;
    unsigned rows;    /* of a multi-row INSERT; 0: array binding */
    MYSQL_BIND *bind; /* [rows, or 1][COLUMNS] */
} writer;

/* A prepared INSERT of so many rows. */
typedef struct insert {
    MYSQL_STMT *statement;
    unsigned rows;
} insert;

/* Of one row, which for an array is the first. */
static void bind_row(MYSQL_BIND *bind, row *first)
{
#define TEXT(at, field, len, null)                                                                           \
    (bind[at] = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_STRING,                                               \
                             .buffer = first->field,                                                         \
                             .length = &first->len,                                                          \
                             .u.indicator = &first->null})
    TEXT(0, id, id_len, none);
    TEXT(1, type, type_len, none);
    TEXT(2, user, user_len, user_null);
    TEXT(3, total, total_len, total_null);
    bind[4] =
        (MYSQL_BIND){.buffer_type = MYSQL_TYPE_DATETIME, .buffer = &first->when, .u.indicator = &first->none};
    TEXT(5, properties, properties_len, properties_null);
    bind[6] = (MYSQL_BIND){
        .buffer_type = MYSQL_TYPE_LONGLONG, .buffer = &first->offset, .u.indicator = &first->none};
    TEXT(7, message, message_len, none);
#undef TEXT
}

static insert prepare(MYSQL *db, unsigned rows)
{
    static const char head[] = "INSERT INTO events (id, type, user_id, total, occurred_at, properties, "
                               "kafka_offset, message_id) VALUES ",
                      values[] = "(?, ?, ?, ?, ?, ?, ?, ?),";
    char *text = tool_alloc(sizeof head + rows * sizeof values, 1), *end = stpcpy(text, head);
    for (unsigned i = 0; i < rows; i++)
        end = stpcpy(end, values);
    insert made = {.statement = mysql_stmt_init(db), .rows = rows};
    if (mysql_stmt_prepare(made.statement, text, (unsigned long)(end - text) - 1))
        die("prepare: %s", mysql_stmt_error(made.statement));
    free(text);
    return made;
}

static void execute(const insert *to, MYSQL_BIND *bind)
{
    if (mysql_stmt_bind_param(to->statement, bind) || mysql_stmt_execute(to->statement))
        die("insert: %s", mysql_stmt_error(to->statement));
}

static void write_array(writer *w, const insert *one, batch *full)
{
    size_t row_size = sizeof(row);
    bind_row(w->bind, full->rows);
    mysql_stmt_attr_set(one->statement, STMT_ATTR_ROW_SIZE, &row_size);
    mysql_stmt_attr_set(one->statement, STMT_ATTR_ARRAY_SIZE, &full->count);
    execute(one, w->bind);
}

/* Whole statements, and one more for what is left: mostly of the same size, for all batches but the last are equal. */
static void write_multi(writer *w, MYSQL *db, const insert *whole, insert *rest, batch *full)
{
    for (unsigned from = 0; from < full->count;) {
        unsigned rows = full->count - from < whole->rows ? full->count - from : whole->rows;
        if (rows < whole->rows && rows != rest->rows) {
            if (rest->statement)
                mysql_stmt_close(rest->statement);
            *rest = prepare(db, rows);
        }
        for (unsigned i = 0; i < rows; i++)
            bind_row(w->bind + i * COLUMNS, &full->rows[from + i]);
        for (unsigned i = 0; i < rows * COLUMNS; i++) /* without array binding this is where NULL is told */
            w->bind[i].is_null = w->bind[i].u.indicator;
        execute(rows < whole->rows ? rest : whole, w->bind);
        from += rows;
    }
}

static batch *wait_for_batch(writer *w, unsigned at)
{
    batch *next = &w->ring[at % BUFFERS];
    pthread_mutex_lock(&w->lock);
    while (!next->ready && !w->over)
        pthread_cond_wait(&w->turned, &w->lock);
    bool ready = next->ready;
    pthread_mutex_unlock(&w->lock);
    return ready ? next : NULL;
}

static void *write_all(void *argument)
{
    writer *w = argument;
    MYSQL *db = mysql_init(NULL);
    if (!mysql_real_connect(db, NULL, "root", NULL, w->database, 0, w->socket, 0) || mysql_autocommit(db, 0))
        die("%s: %s", w->socket, mysql_error(db));
    insert whole = prepare(db, w->rows ? w->rows : 1), rest = {0};
    batch *full;
    for (unsigned at = 0; (full = wait_for_batch(w, at)); at++) {
        if (w->rows)
            write_multi(w, db, &whole, &rest, full);
        else
            write_array(w, &whole, full);
        if (mysql_commit(db))
            die("commit: %s", mysql_error(db));
        pthread_mutex_lock(&w->lock);
        full->count = 0;
        full->ready = false;
        pthread_cond_signal(&w->turned);
        pthread_mutex_unlock(&w->lock);
    }
    mysql_stmt_close(whole.statement);
    if (rest.statement)
        mysql_stmt_close(rest.statement);
    mysql_close(db);
    return NULL;
}

static void hand_over(writer *w)
{
    pthread_mutex_lock(&w->lock);
    w->ring[w->fill++ % BUFFERS].ready = true;
    pthread_cond_signal(&w->turned);
    while (w->ring[w->fill % BUFFERS].ready)
        pthread_cond_wait(&w->turned, &w->lock);
    pthread_mutex_unlock(&w->lock);
}

/* The text between `name` and the next `end`; false when it is not there. */
static bool field(const char *text, size_t len, const char *name, char end, char *to, size_t room,
                  unsigned long *size)
{
    const char *at = memmem(text, len, name, strlen(name));
    if (!at)
        return false;
    at += strlen(name);
    const char *stop = memchr(at, end, len - (size_t)(at - text));
    if (!stop || (size_t)(stop - at) > room)
        return false;
    memcpy(to, at, (size_t)(stop - at));
    *size = (unsigned long)(stop - at);
    return true;
}

static unsigned two(const char *digits)
{
    return (unsigned)(digits[0] - '0') * 10 + (unsigned)(digits[1] - '0');
}

static void fill(row *to, const rd_kafka_message_t *message)
{
    const char *text = message->payload;
    char when[32] = "";
    unsigned long len = 0;
    to->user_null = to->total_null = to->properties_null = STMT_INDICATOR_NULL;
    to->none = STMT_INDICATOR_NONE;
    if (!field(text, message->len, "\"type\":\"", '"', to->type, sizeof to->type, &to->type_len) ||
        !field(text, message->len, "\"messageId\":\"", '"', to->message, sizeof to->message,
               &to->message_len) ||
        !field(text, message->len, "\"timestamp\":\"", '"', when, sizeof when, &len) || len < 23)
        die("an event without type, messageId or timestamp");
    if (field(text, message->len, "\"userId\":\"", '"', to->user, sizeof to->user, &to->user_len))
        to->user_null = STMT_INDICATOR_NONE;
    if (field(text, message->len, "\"total\":", ',', to->total, sizeof to->total, &to->total_len) &&
        *to->total != 'n')
        to->total_null = STMT_INDICATOR_NONE;
    const char *open = memmem(text, message->len, "\"properties\":", 13);
    const char *close = open ? memmem(open, message->len - (size_t)(open - text), "]}", 2) : NULL;
    if (close && close + 2 - (open + 13) <= (long)sizeof to->properties) {
        to->properties_len = (unsigned long)(close + 2 - (open + 13));
        memcpy(to->properties, open + 13, to->properties_len);
        to->properties_null = STMT_INDICATOR_NONE;
    }
    to->when =
        (MYSQL_TIME){.year = two(when) * 100 + two(when + 2), .month = two(when + 5), .day = two(when + 8)};
    to->when.hour = two(when + 11);
    to->when.minute = two(when + 14);
    to->when.second = two(when + 17);
    to->when.second_part = (two(when + 20) * 10 + (unsigned)(when[22] - '0')) * 1000ul;
    to->when.time_type = MYSQL_TIMESTAMP_DATETIME;
    to->offset = message->offset;
    memset(to->id, 0, sizeof to->id);
    for (int i = 0; i < 8; i++)
        to->id[12 + i] = (char)(message->offset >> (56 - 8 * i));
    to->id[11] = (char)message->partition;
    to->id_len = sizeof to->id;
}

static rd_kafka_t *subscribe(const char *bootstrap, const char *topic)
{
    static const tool_properties none;
    char group[64];
    rd_kafka_conf_t *conf = tool_conf(bootstrap, &none);
    snprintf(group, sizeof group, "raw-%llu", (unsigned long long)tool_now_us());
    tool_set(conf, "group.id", group);
    tool_set(conf, "enable.auto.commit", "false");
    tool_set(conf, "auto.offset.reset", "earliest");
    tool_set(conf, "queued.min.messages", "1000000");
    tool_set(conf, "queued.max.messages.kbytes", "65536");
    rd_kafka_t *client = tool_client(RD_KAFKA_CONSUMER, conf);
    rd_kafka_poll_set_consumer(client);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, RD_KAFKA_PARTITION_UA);
    if (rd_kafka_subscribe(client, list))
        die("subscribe");
    rd_kafka_topic_partition_list_destroy(list);
    return client;
}

static void consume(rd_kafka_t *client, writer *writers, uint64_t events, uint64_t *begun_us)
{
    for (uint64_t seen = 0; seen < events;) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(client, 1000);
        if (!message)
            continue;
        if (message->err)
            die("consume: %s", rd_kafka_message_errstr(message));
        if (!seen++)
            *begun_us = tool_now_us();
        const char *key = message->key_len ? message->key : message->payload;
        uint64_t hash = 14695981039346656037ull;
        for (size_t i = 0, len = message->key_len ? message->key_len : 100; i < len; i++)
            hash = (hash ^ (unsigned char)key[i]) * 1099511628211ull;
        writer *w = &writers[hash % WRITERS];
        batch *open = &w->ring[w->fill % BUFFERS];
        fill(&open->rows[open->count++], message);
        rd_kafka_message_destroy(message);
        if (open->count == BATCH)
            hand_over(w);
    }
}

int main(int argc, char **argv)
{
    static writer writers[WRITERS];
    uint64_t begun_us = 0;
    struct rusage used;
    if (argc != 7 && argc != 8) {
        fputs("usage: bench_raw_loop ADDRESSES TOPIC EVENTS SOCKET0 SOCKET1 DATABASE [ROWS]\n", stderr);
        return 2;
    }
    uint64_t events = (uint64_t)tool_number("EVENTS", argv[3]);
    unsigned rows = argc == 8 ? (unsigned)tool_number("ROWS", argv[7]) : 0;
    mysql_library_init(0, NULL, NULL);
    for (int i = 0; i < WRITERS; i++) {
        writer *w = &writers[i];
        w->socket = argv[4 + i];
        w->database = argv[6];
        w->rows = rows;
        w->bind = tool_alloc(rows ? rows : 1, COLUMNS * sizeof *w->bind);
        w->ring = tool_alloc(BUFFERS, sizeof *w->ring);
        pthread_mutex_init(&w->lock, NULL);
        pthread_cond_init(&w->turned, NULL);
        if (pthread_create(&w->thread, NULL, write_all, w))
            die("no thread");
    }
    rd_kafka_t *client = subscribe(argv[1], argv[2]);
    consume(client, writers, events, &begun_us);
    for (int i = 0; i < WRITERS; i++) {
        writer *w = &writers[i];
        if (w->ring[w->fill % BUFFERS].count)
            hand_over(w);
        pthread_mutex_lock(&w->lock);
        w->over = true;
        pthread_cond_signal(&w->turned);
        pthread_mutex_unlock(&w->lock);
    }
    for (int i = 0; i < WRITERS; i++)
        pthread_join(writers[i].thread, NULL);
    double seconds = (double)(tool_now_us() - begun_us) / 1e6;
    getrusage(RUSAGE_SELF, &used);
    double cpu_us = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
                    (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
    printf("{\"per_second\":%.0f,\"seconds\":%.3f,\"cpu_us\":%.3f,\"rss_mib\":%.0f}\n",
           (double)events / seconds, seconds, cpu_us / (double)events, (double)used.ru_maxrss / 1024);
    rd_kafka_consumer_close(client);
    rd_kafka_destroy(client);
    return 0;
}
