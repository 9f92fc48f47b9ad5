/* tools_produce: generated Segment events to a topic, the same for the same seed.
 *
 * Prints one JSON line: events (committed ones), aborted, poison, tombstones, null_keys, seconds.  Exit 0 when every
 * event was acknowledged.  One thread beside librdkafka's.
 */
#include <getopt.h>
#include <stdbool.h>

#include "segment.h"
#include "tool.h"

typedef struct options {
    const char *bootstrap, *topic, *compression, *journal, *group;
    uint64_t events, first, seed, users, rate, transaction, ahead;
    size_t exact;
    uint32_t poison, tombstone, null_key, header, abort_percent;
    const char *header_name, *header_value; /* of --with-header; every event has it */
    tool_properties properties;
} options;

typedef struct counts {
    uint64_t events, aborted, poison, tombstones, null_keys, failed, delivered;
} counts;

typedef struct producer {
    options options;
    counts counts;
    rd_kafka_t *client;
    rd_kafka_t *looker; /* asks for the group's offsets; NULL without --ahead */
    rd_kafka_topic_t *topic;
    int32_t partitions;
    segment event;
    segment dice; /* decides about poison and the like, apart from the events' own randomness */
    FILE *journal;
    uint64_t in_transaction, started_us;
    bool aborting;
} producer;

static const char usage[] =
    "usage: tools_produce --bootstrap ADDRESSES --topic TOPIC --events N [option]...\n"
    "  --seed N --first N --users N   which events (1, 0, 5000)\n"
    "  --exact BYTES                  pads events to this length\n"
    "  --rate N                       events a second (0: as fast as it goes)\n"
    "  --poison N --tombstone N --null-key N --header N   in 1,000 events (0)\n"
    "  --with-header NAME=VALUE       a header of every event\n"
    "  --compression CODEC            none, gzip, snappy, lz4, zstd\n"
    "  --transaction N --abort PERCENT   transactions of N events, this share of them aborted\n"
    "  --journal FILE                 writes what was acknowledged, for tools_verify\n"
    "  --group GROUP --ahead N        waits when more than N events of a partition are not committed by "
    "GROUP\n"
    "  --property name=value          librdkafka's\n";

/* A journal entry: this head in host byte order, then key and value; a length of -1 is null. */
typedef struct journal_head {
    int64_t offset, timestamp_ms;
    int32_t partition, key_len, value_len, reserved;
} journal_head;

static void write_journal(FILE *journal, const rd_kafka_message_t *message)
{
    journal_head head = {
        .offset = message->offset,
        .timestamp_ms = (int64_t)(uintptr_t)message->_private,
        .partition = message->partition,
        .key_len = message->key ? (int32_t)message->key_len : -1,
        .value_len = message->payload ? (int32_t)message->len : -1,
    };
    fwrite(&head, sizeof head, 1, journal);
    if (message->key)
        fwrite(message->key, 1, message->key_len, journal);
    if (message->payload)
        fwrite(message->payload, 1, message->len, journal);
    if (ferror(journal))
        die("the journal cannot be written: %s", strerror(errno));
}

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    producer *p = opaque;
    (void)client;
    if (message->err) {
        if (p->aborting)
            return; /* purged with its transaction */
        if (p->counts.failed++ == 0)
            fprintf(stderr, "tools_produce: not delivered: %s\n", rd_kafka_err2str(message->err));
        return;
    }
    p->counts.delivered++;
    if (p->journal)
        write_journal(p->journal, message);
}

static void in_order(rd_kafka_error_t *error, const char *what)
{
    if (error)
        die("%s: %s", what, rd_kafka_error_string(error));
}

static void turn_transaction(producer *p, bool last)
{
    const options *o = &p->options;
    if (!o->transaction || (!last && p->in_transaction < o->transaction))
        return;
    if (p->aborting) {
        /* Flushed first: the aborted events have to be on the log, or there is nothing to be filtered. */
        if (rd_kafka_flush(p->client, 60000))
            die("events of a transaction were not delivered");
        in_order(rd_kafka_abort_transaction(p->client, 60000), "abort");
        p->counts.aborted += p->in_transaction;
    } else {
        in_order(rd_kafka_commit_transaction(p->client, 60000), "commit");
        p->counts.events += p->in_transaction;
    }
    p->in_transaction = 0;
    p->aborting = segment_random(&p->dice) % 100 < o->abort_percent;
    if (!last)
        in_order(rd_kafka_begin_transaction(p->client), "begin");
}

/* The long way: with a header, or with a timestamp that the journal can know (a mock cluster's answers do not carry it). */
static rd_kafka_resp_err_t put_parts(producer *p, int32_t partition, const void *key, size_t key_len,
                                     const void *value, size_t len, bool with_header)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    const char *given = p->options.header_name, *text = p->options.header_value;
    rd_kafka_vu_t parts[10] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = p->topic},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = partition},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)(uintptr_t)key, key_len}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)(uintptr_t)value, len}},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = now_ms},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = (void *)(uintptr_t)now_ms},
    };
    size_t count = 7;
    if (with_header)
        parts[count++] =
            (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_HEADER, .u.header = {"trace", "t\xc3\xa4g-1", 7}};
    if (given)
        parts[count++] =
            (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_HEADER, .u.header = {given, text, (ssize_t)strlen(text)}};
    rd_kafka_error_t *error = rd_kafka_produceva(p->client, parts, count);
    rd_kafka_resp_err_t err = error ? rd_kafka_error_code(error) : RD_KAFKA_RESP_ERR_NO_ERROR;
    if (error)
        rd_kafka_error_destroy(error);
    return err;
}

static void put(producer *p, int32_t partition, const void *key, size_t key_len, const void *value,
                size_t len)
{
    bool with_header = segment_chance(&p->dice, p->options.header);
    for (;;) {
        rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;
        if (with_header || p->options.header_name || p->journal)
            err = put_parts(p, partition, key, key_len, value, len, with_header);
        else if (rd_kafka_produce(p->topic, partition, RD_KAFKA_MSG_F_COPY, (void *)(uintptr_t)value, len,
                                  key, key_len, NULL))
            err = rd_kafka_last_error();
        if (!err)
            return;
        if (err != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            die("produce: %s", rd_kafka_err2str(err));
        rd_kafka_poll(p->client, 10);
    }
}

static void send_event(producer *p, uint64_t number)
{
    const options *o = &p->options;
    int32_t partition = (int32_t)(segment_random(&p->dice) % (uint64_t)p->partitions);
    segment_poison poison = POISON_NONE;
    const char *key = p->event.key;
    if (segment_chance(&p->dice, o->tombstone)) {
        put(p, partition, "gone", 4, NULL, 0);
        p->counts.tombstones++;
    } else {
        if (segment_chance(&p->dice, o->poison)) {
            poison = (segment_poison)(1 + segment_random(&p->dice) % (POISON_COUNT - 1));
            p->counts.poison++;
        }
        segment_make(&p->event, o->seed, number, o->users, o->exact, poison, p->aborting ? 'a' : 'm');
        if (!p->event.key_len || segment_chance(&p->dice, o->null_key)) {
            key = NULL;
            p->counts.null_keys++;
        }
        put(p, partition, key, key ? p->event.key_len : 0, p->event.text, p->event.len);
    }
    if (o->transaction)
        p->in_transaction++;
    else
        p->counts.events++;
}

/* Waits while the slowest partition is more than `ahead` events before what the group has committed. */
static void wait_for_group(producer *p)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(p->partitions);
    for (int32_t i = 0; i < p->partitions; i++)
        rd_kafka_topic_partition_list_add(list, p->options.topic, i);
    for (;;) {
        uint64_t most = 0;
        if (!rd_kafka_committed(p->looker, list, 5000))
            for (int i = 0; i < list->cnt; i++) {
                int64_t low, high = 0, committed = list->elems[i].offset > 0 ? list->elems[i].offset : 0;
                rd_kafka_query_watermark_offsets(p->looker, p->options.topic, i, &low, &high, 5000);
                if (high > committed && (uint64_t)(high - committed) > most)
                    most = (uint64_t)(high - committed);
            }
        if (most < p->options.ahead)
            break;
        rd_kafka_poll(p->client, 50);
    }
    rd_kafka_topic_partition_list_destroy(list);
}

static void keep_pace(producer *p, uint64_t sent)
{
    const options *o = &p->options;
    if (o->rate) {
        uint64_t due = p->started_us + sent * 1000000 / o->rate;
        for (uint64_t now = tool_now_us(); now < due; now = tool_now_us())
            rd_kafka_poll(p->client, due - now > 20000 ? 20 : (int)((due - now) / 1000 + 1));
    }
    /* Between two looks no partition grows by more than half of what may be outstanding. */
    if (o->ahead && sent && sent % (o->ahead / 2 * (uint64_t)p->partitions) == 0)
        wait_for_group(p);
}

static void produce(producer *p)
{
    const options *o = &p->options;
    const uint64_t step = o->rate && o->rate < 6400 ? 8 : 64;
    p->started_us = tool_now_us();
    if (o->transaction) {
        in_order(rd_kafka_init_transactions(p->client, 60000), "transactions");
        in_order(rd_kafka_begin_transaction(p->client), "begin");
    }
    for (uint64_t i = 0; i < o->events; i++) {
        if (i % step == 0) {
            rd_kafka_poll(p->client, 0);
            keep_pace(p, i);
        }
        send_event(p, o->first + i);
        turn_transaction(p, i + 1 == o->events);
    }
    if (rd_kafka_flush(p->client, 120000))
        die("%d events were not delivered within 120 s", rd_kafka_outq_len(p->client));
}

static void parse(options *o, int argc, char **argv)
{
    enum { NAMES = 22 };
    static const struct option names[NAMES + 1] = {
        {"bootstrap", 1, NULL, 'b'},   {"topic", 1, NULL, 't'},       {"events", 1, NULL, 'e'},
        {"seed", 1, NULL, 's'},        {"first", 1, NULL, 'f'},       {"users", 1, NULL, 'u'},
        {"exact", 1, NULL, 'x'},       {"rate", 1, NULL, 'r'},        {"poison", 1, NULL, 'p'},
        {"tombstone", 1, NULL, 'T'},   {"null-key", 1, NULL, 'n'},    {"header", 1, NULL, 'h'},
        {"compression", 1, NULL, 'c'}, {"transaction", 1, NULL, 'X'}, {"abort", 1, NULL, 'a'},
        {"journal", 1, NULL, 'j'},     {"group", 1, NULL, 'g'},       {"ahead", 1, NULL, 'A'},
        {"property", 1, NULL, 'P'},    {"help", 0, NULL, 'H'},        {"with-header", 1, NULL, 'w'},
    };
    const char *codes = "estfuxrpTnhXaA";
    int at, index = 0;
    *o = (options){.seed = 1, .users = 5000, .compression = "none"};
    while ((at = getopt_long(argc, argv, "", names, &index)) != -1) {
        uint64_t number =
            strchr(codes, at) && at != 't' ? (uint64_t)tool_number(names[index].name, optarg) : 0;
        switch (at) {
        case 'b':
            o->bootstrap = optarg;
            break;
        case 't':
            o->topic = optarg;
            break;
        case 'c':
            o->compression = optarg;
            break;
        case 'j':
            o->journal = optarg;
            break;
        case 'g':
            o->group = optarg;
            break;
        case 'P':
            tool_property(&o->properties, optarg);
            break;
        case 'w':
            o->header_name = optarg;
            o->header_value = strchr(optarg, '=') ? strchr(optarg, '=') + 1 : NULL;
            break;
        case 'e':
            o->events = number;
            break;
        case 's':
            o->seed = number;
            break;
        case 'f':
            o->first = number;
            break;
        case 'u':
            o->users = number;
            break;
        case 'x':
            o->exact = (size_t)number;
            break;
        case 'r':
            o->rate = number;
            break;
        case 'p':
            o->poison = (uint32_t)number;
            break;
        case 'T':
            o->tombstone = (uint32_t)number;
            break;
        case 'n':
            o->null_key = (uint32_t)number;
            break;
        case 'h':
            o->header = (uint32_t)number;
            break;
        case 'X':
            o->transaction = number;
            break;
        case 'a':
            o->abort_percent = (uint32_t)number;
            break;
        case 'A':
            o->ahead = number;
            break;
        default:
            fputs(usage, at == 'H' ? stdout : stderr);
            exit(at == 'H' ? 0 : 2);
        }
    }
    if (!o->bootstrap || !o->topic || !o->events || !o->users || optind != argc ||
        (o->header_name && !o->header_value) || o->exact > SEGMENT_MAX - 512 ||
        (o->ahead && (!o->group || o->ahead < 128))) {
        fputs(usage, stderr);
        exit(2);
    }
    if (o->header_name)
        o->header_name = strndup(o->header_name, (size_t)(o->header_value - 1 - o->header_name));
}

int main(int argc, char **argv)
{
    static producer p;
    char transaction[64];
    parse(&p.options, argc, argv);
    const options *o = &p.options;
    static const tool_properties none;
    rd_kafka_conf_t *conf = tool_conf(o->bootstrap, &none);
    tool_set(conf, "compression.codec", o->compression);
    tool_set(conf, "linger.ms", o->transaction ? "5" : "20");
    tool_set(conf, "batch.num.messages", "20000");
    tool_set(conf, "queue.buffering.max.messages", "200000");
    for (size_t i = 0; i < o->properties.count; i++) /* last: they replace the ones above */
        tool_set_pair(conf, o->properties.pair[i]);
    if (o->transaction) {
        snprintf(transaction, sizeof transaction, "produce-%llu", (unsigned long long)o->seed);
        tool_set(conf, "transactional.id", transaction);
    }
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_opaque(conf, &p);
    p.client = tool_client(RD_KAFKA_PRODUCER, conf);
    p.topic = rd_kafka_topic_new(p.client, o->topic, NULL);
    p.partitions = tool_partitions(p.client, o->topic);
    if (o->ahead) {
        rd_kafka_conf_t *looking = tool_conf(o->bootstrap, &o->properties);
        tool_set(looking, "group.id", o->group);
        p.looker = tool_client(RD_KAFKA_CONSUMER, looking);
    }
    p.dice.state = o->seed * 977 + o->first;
    if (o->journal && !(p.journal = fopen(o->journal, "wb")))
        die("%s: %s", o->journal, strerror(errno));
    produce(&p);
    if (p.journal && fclose(p.journal))
        die("%s: %s", o->journal, strerror(errno));
    double seconds = (double)(tool_now_us() - p.started_us) / 1e6;
    printf("{\"events\":%llu,\"aborted\":%llu,\"poison\":%llu,\"tombstones\":%llu,\"null_keys\":%llu,"
           "\"seconds\":%.3f,\"per_second\":%.0f}\n",
           (unsigned long long)p.counts.events, (unsigned long long)p.counts.aborted,
           (unsigned long long)p.counts.poison, (unsigned long long)p.counts.tombstones,
           (unsigned long long)p.counts.null_keys, seconds, (double)o->events / seconds);
    rd_kafka_topic_destroy(p.topic);
    rd_kafka_destroy(p.client);
    if (p.looker)
        rd_kafka_destroy(p.looker);
    return p.counts.failed ? 1 : 0;
}
