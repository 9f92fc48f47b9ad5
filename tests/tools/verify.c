/* tools_verify: did every event on the log become exactly one correct row, or exactly one dead letter?
 *
 * Reads the topics (or the producer's journal), works out by itself what each event must become (verify_event.h), reads
 * all shards and the dead letters, and compares.  Prints the first differences to stderr and one JSON line to stdout.
 * Exit 0 only when everything is exact; 1 when not; 2 for a wrong command line.
 */
#include <getopt.h>
#include <mysql.h>

#include "verify_event.h"
#include "verify_log.h"

enum { SHARDS_MAX = 64, SHOWN = 10, IDLE_US = 40000000 };

typedef struct options {
    const char *bootstrap, *table, *dlq, *user, *password, *journal;
    const char *shard[SHARDS_MAX];
    uint64_t slots, wait_s, letter_max;
    bool uncommitted, dlq_repeats, mended;
    const char *refused;
    tool_properties properties;
} options;

typedef struct counts {
    uint64_t events, want_rows, want_letters, rows, letters;
    uint64_t missing, duplicate, wrong_shard, wrong_content, extra;
    uint64_t lost, repeated, both, wrong_letter, wrong_reason;
} counts;

static options o;
static counts n;
static topic_log topics[TOPICS_MAX];
static size_t topic_count, shard_count;
static MYSQL *connections[SHARDS_MAX];
static expected wanted;
static uint64_t shown;

static const char usage[] =
    "usage: tools_verify --topic TOPIC... --shard WHERE... [option]...\n"
    "  WHERE: /path/to/socket,DATABASE or HOST:PORT,DATABASE; in the order of the configuration\n"
    "  --bootstrap ADDRESSES    of the brokers\n"
    "  --journal FILE           the events, instead of reading the (one) topic\n"
    "  --table NAME --user NAME --password TEXT --slots N   (events, the process's, none, 1024)\n"
    "  --dlq TOPIC              the dead letters\n"
    "  --dlq-repeats            a dead letter may be there more than once (after a crash)\n"
    "  --refused FILE           events that a database refuses, a line each: TOPIC PARTITION OFFSET REASON "
    "CODE "
    "SQLSTATE COLUMN [ATTEMPTS]\n"
    "                           (- for what the letter has no header for)\n"
    "  --letter-max BYTES       letters of longer values have none, and say so\n"
    "  --mended                 these were sent back after a mend: each is a letter and a row\n"
    "  --uncommitted            also what aborted transactions wrote\n"
    "  --wait SECONDS           waits so long for the rows to come\n"
    "  --property name=value    librdkafka's\n";

static void show(const char *what, const topic_log *topic, int32_t partition, int64_t offset,
                 const char *more)
{
    if (shown++ < SHOWN)
        fprintf(stderr, "tools_verify: %s: %s/%d/%lld %s\n", what, topic->name, partition, (long long)offset,
                more);
}

/* ---- what must be ---- */

static topic_log *topic_named(const char *name)
{
    for (size_t t = 0; t < topic_count; t++)
        if (!strcmp(topics[t].name, name))
            return &topics[t];
    return NULL;
}

static void read_refused(const char *file)
{
    char line[512], name[256];
    int32_t partition;
    long long offset;
    FILE *in = fopen(file, "r");
    if (!in)
        die("%s: %s", file, strerror(errno));
    while (fgets(line, sizeof line, in)) {
        refused_event *why = tool_alloc(1, sizeof *why);
        strcpy(why->attempts, "1");
        if (sscanf(line, "%255s %d %lld %31s %15s %15s %63s %15s", name, &partition, &offset, why->reason,
                   why->code, why->sqlstate, why->column, why->attempts) < 7)
            die("%s: not a refused event: %s", file, line);
        topic_log *topic = topic_named(name);
        item *event = topic ? log_find(topic, partition, offset) : NULL;
        if (!event)
            die("%s: there is no such event: %s", file, line);
        event->refused = why;
    }
    fclose(in);
}

static void expect_item(const topic_log *topic, int32_t partition, const item *event)
{
    coordinates at = {topic->name, partition, event->offset, event->timestamp_ms};
    expect_event(&wanted, &at, event->value, event->value_len);
}

static bool wants_row(const item *event)
{
    return !event->reason && (!event->refused || o.mended);
}

static bool wants_letter(const item *event)
{
    return event->reason || event->refused;
}

static void judge_events(void)
{
    for (size_t t = 0; t < topic_count; t++)
        for (int32_t p = 0; p < topics[t].partitions; p++)
            for (size_t i = 0; i < topics[t].partition[p].count; i++) {
                item *event = &topics[t].partition[p].at[i];
                expect_item(&topics[t], p, event);
                event->reason = wanted.reason;
                event->hash = wanted.hash;
                n.events++;
                if (event->refused && event->reason)
                    die("%s/%d/%lld cannot be refused by a database: it is %s by itself", topics[t].name, p,
                        (long long)event->offset, event->reason);
                n.want_rows += wants_row(event);
                n.want_letters += wants_letter(event);
            }
}

/* ---- rows ---- */

static MYSQL *connect_shard(const char *where)
{
    char name[256];
    unsigned port = 0;
    const char *comma = strrchr(where, ',');
    if (!comma || (size_t)(comma - where) >= sizeof name)
        die("a shard is written /path/to/socket,DATABASE or HOST:PORT,DATABASE, not '%s'", where);
    memcpy(name, where, (size_t)(comma - where));
    name[comma - where] = 0;
    char *colon = *name == '/' ? NULL : strrchr(name, ':');
    if (colon) {
        *colon = 0;
        port = (unsigned)tool_number("port", colon + 1);
    }
    MYSQL *db = mysql_init(NULL);
    mysql_options(db, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    if (!mysql_real_connect(db, colon ? name : NULL, o.user, o.password, comma + 1, port, colon ? NULL : name,
                            0))
        die("shard %s: %s", where, mysql_error(db));
    return db;
}

static uint64_t count_rows(void)
{
    char query[256];
    uint64_t sum = 0;
    for (size_t i = 0; i < shard_count; i++) {
        snprintf(query, sizeof query, "SELECT COUNT(*) FROM %s", o.table);
        if (mysql_query(connections[i], query))
            die("shard %s: %s", o.shard[i], mysql_error(connections[i]));
        MYSQL_RES *result = mysql_store_result(connections[i]);
        MYSQL_ROW row = mysql_fetch_row(result);
        sum += strtoull(row[0], NULL, 10);
        mysql_free_result(result);
    }
    return sum;
}

/* Gives up early when nothing has come for a while: a worker that died needs no patience. */
static void wait_for_rows(void)
{
    uint64_t now = tool_now_us(), until = now + o.wait_s * 1000000, moved = now, before = 0, have;
    while ((have = count_rows()) < n.want_rows && now < until && now < moved + IDLE_US) {
        moved = have == before ? moved : now;
        before = have;
        tool_sleep_ms(250);
        now = tool_now_us();
    }
}

static size_t shard_of(uint64_t hash)
{
    return (size_t)(hash % o.slots * shard_count / o.slots);
}

static uint64_t hex_number(const char *text, size_t digits)
{
    char part[17] = {0};
    memcpy(part, text, digits);
    return strtoull(part, NULL, 16);
}

static item *item_of_id(const char *id, size_t len, topic_log **topic, int32_t *partition)
{
    if (len != 40)
        return NULL;
    *partition = (int32_t)hex_number(id + 16, 8);
    for (size_t t = 0; t < topic_count; t++)
        if (topic_hash(topics[t].name) == hex_number(id + 8, 8)) {
            *topic = &topics[t];
            return log_find(&topics[t], *partition, (int64_t)hex_number(id + 24, 16));
        }
    return NULL;
}

static void check_content(const topic_log *topic, int32_t partition, const item *event, MYSQL_ROW row,
                          const unsigned long *len)
{
    char more[256];
    expect_item(topic, partition, event);
    for (int c = 0; c < COLUMN_COUNT; c++) {
        const field *want = &wanted.column[c];
        if (want->null ? !row[c] : row[c] && len[c] == want->len && !memcmp(row[c], want->text, want->len))
            continue;
        snprintf(more, sizeof more, "%s is %s%.80s, not %s%.*s", column_names[c], row[c] ? "" : "NULL",
                 row[c] ? row[c] : "", want->null ? "NULL" : "",
                 want->null ? 0 : (int)(want->len < 80 ? want->len : 80), want->text);
        show("wrong content", topic, partition, event->offset, more);
        n.wrong_content++;
        return;
    }
}

static void check_row(size_t shard, MYSQL_ROW row, const unsigned long *len)
{
    topic_log *topic = &topics[0];
    int32_t partition = -1;
    item *event = row[0] ? item_of_id(row[0], len[0], &topic, &partition) : NULL;
    n.rows++;
    if (!event || !wants_row(event)) {
        show(event ? "a row of an invalid event" : "a row of no event", topic, partition,
             event ? event->offset : -1, row[0] ? row[0] : "NULL");
        n.extra++;
        return;
    }
    if (event->rows++) {
        show("a second row", topic, partition, event->offset, "");
        n.duplicate++;
    }
    if (shard_of(event->hash) != shard) {
        show("the wrong shard", topic, partition, event->offset, o.shard[shard]);
        n.wrong_shard++;
    }
    check_content(topic, partition, event, row, len);
}

static void check_shard(size_t shard)
{
    char query[512];
    MYSQL *db = connections[shard];
    snprintf(
        query, sizeof query,
        "SELECT HEX(id), type, user_id, total, occurred_at, properties, kafka_offset, message_id FROM %s",
        o.table);
    if (mysql_query(db, query))
        die("shard %s: %s", o.shard[shard], mysql_error(db));
    MYSQL_RES *result = mysql_use_result(db);
    MYSQL_ROW row;
    while ((row = mysql_fetch_row(result)))
        check_row(shard, row, mysql_fetch_lengths(result));
    if (mysql_errno(db))
        die("shard %s: %s", o.shard[shard], mysql_error(db));
    mysql_free_result(result);
}

/* ---- dead letters ---- */

static bool same_bytes(const char *a, size_t a_len, const void *b, size_t b_len)
{
    return !a == !b && (!a || (a_len == b_len && !memcmp(a, b, a_len)));
}

static bool reason_fits(const char *want, const char *have)
{
    size_t len = strlen(want);
    return want[len - 1] == '*' ? !strncmp(want, have, len - 1) : !strcmp(want, have);
}

/* Topic names hold no slash, so topic/partition/offset/timestamp splits at the first. */
static item *item_of_letter(const rd_kafka_message_t *message, topic_log **topic, int32_t *partition)
{
    char origin[512];
    long long offset, timestamp;
    if (!header(message, "millrace.origin", origin, sizeof origin))
        return NULL;
    char *slash = strchr(origin, '/');
    if (!slash || sscanf(slash, "/%d/%lld/%lld", partition, &offset, &timestamp) != 3)
        return NULL;
    *slash = 0;
    topic_log *named = topic_named(origin);
    if (!named)
        return NULL;
    *topic = named;
    item *event = log_find(named, *partition, offset);
    return event && event->timestamp_ms == timestamp ? event : NULL;
}

/* What a letter says of a database's refusal, or that there was none; shards are called s0, s1, ... */
static bool tells_refusal(const rd_kafka_message_t *message, const item *event)
{
    const refused_event *why = event->refused;
    char shard[32];
    if (!why)
        return header_is(message, "millrace.code", "-") && header_is(message, "millrace.sqlstate", "-");
    snprintf(shard, sizeof shard, "s%zu", shard_of(event->hash));
    return header_is(message, "millrace.code", why->code) &&
           header_is(message, "millrace.sqlstate", why->sqlstate) &&
           header_is(message, "millrace.column", why->column) &&
           header_is(message, "millrace.attempts", why->attempts) &&
           header_is(message, "millrace.shard", shard);
}

static bool same_headers(const rd_kafka_message_t *message, const item *event)
{
    int32_t count;
    return event->headers < 0 ||
           (hash_headers(message, event->headers, &count) == event->headers_hash && count == event->headers);
}

/* The event's value, or none and the word for it where it was too large for the topic. */
static bool same_value(const rd_kafka_message_t *message, const item *event)
{
    char length[32];
    if (!o.letter_max || event->value_len <= o.letter_max)
        return same_bytes(event->value, event->value_len, message->payload, message->len) &&
               header_is(message, "millrace.value_dropped", "-");
    snprintf(length, sizeof length, "%u", event->value_len);
    return !message->payload && header_is(message, "millrace.value_dropped", length);
}

static void check_letter(void *context, const rd_kafka_message_t *message)
{
    char reason[128] = "", text[256], more[512];
    topic_log *topic = &topics[0];
    int32_t partition = -1;
    (void)context;
    n.letters++;
    item *event = item_of_letter(message, &topic, &partition);
    header(message, "millrace.reason", reason, sizeof reason);
    if (!event || !wants_letter(event)) {
        snprintf(more, sizeof more, "(%s)", reason);
        show(event ? "a dead letter of a valid event" : "a dead letter of no event", topic, partition,
             event ? event->offset : -1, more);
        n.extra++;
        return;
    }
    if (event->letters++) {
        n.repeated++;
        if (!o.dlq_repeats)
            show("a second dead letter", topic, partition, event->offset, "");
    }
    bool plain = header(message, "__connect.errors.topic", text, sizeof text) && !strcmp(text, topic->name) &&
                 header(message, "__connect.errors.partition", text, sizeof text) &&
                 atoi(text) == partition && header(message, "__connect.errors.offset", text, sizeof text) &&
                 atoll(text) == event->offset &&
                 header(message, "__connect.errors.exception.class.name", text, sizeof text) &&
                 !strcmp(text, reason) && same_headers(message, event) && tells_refusal(message, event);
    if (!plain || !same_value(message, event) ||
        !same_bytes(event->key, event->key_len, message->key, message->key_len)) {
        show("a dead letter with other bytes or headers", topic, partition, event->offset, "");
        n.wrong_letter++;
    }
    const char *want = event->reason ? event->reason : event->refused->reason;
    if (!reason_fits(want, reason)) {
        snprintf(more, sizeof more, "is %s, not %s", reason, want);
        show("a dead letter's reason", topic, partition, event->offset, more);
        n.wrong_reason++;
    }
}

/* ---- all together ---- */

static void look_for_missing(void)
{
    for (size_t t = 0; t < topic_count; t++)
        for (int32_t p = 0; p < topics[t].partitions; p++)
            for (size_t i = 0; i < topics[t].partition[p].count; i++) {
                const item *event = &topics[t].partition[p].at[i];
                if (wants_row(event) && !event->rows) {
                    show("no row", &topics[t], p, event->offset, "");
                    n.missing++;
                }
                if (wants_letter(event) && o.dlq && !event->letters) {
                    show("no dead letter", &topics[t], p, event->offset,
                         event->reason ? event->reason : event->refused->reason);
                    n.lost++;
                }
                n.both += event->rows && event->letters && !(event->refused && o.mended);
            }
}

static int report(void)
{
    const struct {
        const char *name;
        uint64_t value;
    } all[] = {{"events", n.events},
               {"rows", n.rows},
               {"dead_letters", n.letters},
               {"missing_rows", n.missing},
               {"duplicate_rows", n.duplicate},
               {"wrong_shard", n.wrong_shard},
               {"wrong_content", n.wrong_content},
               {"extra", n.extra},
               {"missing_letters", n.lost},
               {"repeated_letters", n.repeated},
               {"both", n.both},
               {"wrong_letter", n.wrong_letter},
               {"wrong_reason", n.wrong_reason}};
    uint64_t bad = n.missing + n.duplicate + n.wrong_shard + n.wrong_content + n.extra + n.lost + n.both +
                   n.wrong_letter + n.wrong_reason + (o.dlq_repeats ? 0 : n.repeated);
    bool exact = !bad && n.events;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        printf("%c\"%s\":%llu", i ? ',' : '{', all[i].name, (unsigned long long)all[i].value);
    printf(",\"exact\":%s}\n", exact ? "true" : "false");
    if (shown > SHOWN)
        fprintf(stderr, "tools_verify: and %llu more\n", (unsigned long long)(shown - SHOWN));
    return exact ? 0 : 1;
}

static void parse(int argc, char **argv)
{
    static const struct option names[] = {
        {"bootstrap", 1, NULL, 'b'},   {"topic", 1, NULL, 't'},      {"shard", 1, NULL, 's'},
        {"table", 1, NULL, 'T'},       {"user", 1, NULL, 'u'},       {"password", 1, NULL, 'p'},
        {"slots", 1, NULL, 'S'},       {"dlq", 1, NULL, 'd'},        {"dlq-repeats", 0, NULL, 'r'},
        {"uncommitted", 0, NULL, 'U'}, {"wait", 1, NULL, 'w'},       {"journal", 1, NULL, 'j'},
        {"property", 1, NULL, 'P'},    {"help", 0, NULL, 'H'},       {"refused", 1, NULL, 'R'},
        {"mended", 0, NULL, 'm'},      {"letter-max", 1, NULL, 'l'}, {NULL, 0, NULL, 0},
    };
    int at;
    o.table = "events";
    o.slots = 1024;
    while ((at = getopt_long(argc, argv, "", names, NULL)) != -1) {
        /* clang-format off */
        switch (at) {
        case 'b': o.bootstrap = optarg; break;
        case 't': if (topic_count < TOPICS_MAX) topics[topic_count++].name = optarg; break;
        case 's': if (shard_count < SHARDS_MAX) o.shard[shard_count++] = optarg; break;
        case 'T': o.table = optarg; break;
        case 'u': o.user = optarg; break;
        case 'p': o.password = optarg; break;
        case 'S': o.slots = (uint64_t)tool_number("--slots", optarg); break;
        case 'd': o.dlq = optarg; break;
        case 'r': o.dlq_repeats = true; break;
        case 'U': o.uncommitted = true; break;
        case 'w': o.wait_s = (uint64_t)tool_number("--wait", optarg); break;
        case 'j': o.journal = optarg; break;
        case 'R': o.refused = optarg; break;
        case 'm': o.mended = true; break;
        case 'l': o.letter_max = (uint64_t)tool_number("--letter-max", optarg); break;
        case 'P': tool_property(&o.properties, optarg); break;
        default: fputs(usage, at == 'H' ? stdout : stderr); exit(at == 'H' ? 0 : 2);
        }
        /* clang-format on */
    }
    if (!topic_count || !shard_count || !o.slots || optind != argc ||
        (!o.bootstrap && (!o.journal || o.dlq)) || (o.journal && topic_count > 1)) {
        fputs(usage, stderr);
        exit(2);
    }
}

int main(int argc, char **argv)
{
    parse(argc, argv);
    for (size_t t = 0; t < topic_count; t++)
        if (o.journal)
            log_journal(&topics[t], o.journal);
        else
            read_topic(o.bootstrap, &o.properties, topics[t].name, o.uncommitted, log_message, &topics[t]);
    if (o.refused)
        read_refused(o.refused);
    judge_events();
    for (size_t i = 0; i < shard_count; i++)
        connections[i] = connect_shard(o.shard[i]);
    wait_for_rows();
    for (size_t i = 0; i < shard_count; i++) {
        check_shard(i);
        mysql_close(connections[i]);
    }
    if (o.dlq)
        read_topic(o.bootstrap, &o.properties, o.dlq, false, check_letter, NULL);
    look_for_missing();
    return report();
}
