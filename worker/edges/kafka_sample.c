#include "edges/kafka_sample.h"

#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "edges/kafka_reader.h"
#include "kafka_private.h"
#include "stages/plan.h"

#define ASK_MS  5000
#define TELL_MS 1000

/* What is read of a partition: from `high - share` to `high`. */
typedef struct part {
    int32_t partition;
    int64_t low, high;
    uint32_t share;
    bool done;
} part;

typedef struct looking {
    const mr_config *config;
    const mr_kafka_sampling *sampling;
    mr_reader *reader;
    mr_bell bell;
    part *parts;
    uint32_t count, left; /* partitions; of these not done */
    uint32_t seen;
    char said[128]; /* the last error that arrived */
} looking;

static mr_status no_answer(const looking *look, rd_kafka_resp_err_t err, mr_error *error)
{
    return mr_fail(error, mr_kafka_denies(err) ? MR_DENIED : MR_UNAVAILABLE,
                   "%s: %s: check the addresses, the network, TLS and SASL settings",
                   look->config->kafka.bootstrap_servers, rd_kafka_err2str(err));
}

/* ---- the topic ---- */

static size_t common(const char *a, const char *b)
{
    size_t n = 0;
    while (a[n] && a[n] == b[n])
        n++;
    return n;
}

/* With what might have been meant. */
static mr_status no_topic(const looking *look, const rd_kafka_metadata_t *metadata, mr_error *error)
{
    const char *nearest = NULL, *wanted = look->sampling->topic;
    size_t best = 0;
    for (int i = 0; i < metadata->topic_cnt; i++) {
        size_t same = common(wanted, metadata->topics[i].topic);
        if (same > best) {
            best = same;
            nearest = metadata->topics[i].topic;
        }
    }
    if (nearest)
        return mr_fail(error, MR_DATA, "the brokers at %s do not know the topic %s: did you mean %s?",
                       look->config->kafka.bootstrap_servers, wanted, nearest);
    return mr_fail(
        error, MR_DATA,
        "the brokers at %s do not know the topic %s: create it, or see that these are the right brokers",
        look->config->kafka.bootstrap_servers, wanted);
}

/* Of all topics: asking for one by name would make it on brokers that create topics. */
static mr_status find_parts(looking *look, mr_arena *arena, mr_error *error)
{
    const rd_kafka_metadata_t *metadata;
    rd_kafka_resp_err_t err = rd_kafka_metadata(mr_reader_client(look->reader), 1, NULL, &metadata, ASK_MS);
    if (err)
        return no_answer(look, err, error);
    const rd_kafka_metadata_topic_t *topic = mr_kafka_find_topic(metadata, look->sampling->topic);
    mr_status status = MR_OK;
    if (!topic) {
        status = no_topic(look, metadata, error);
    } else if (topic->err) {
        status = no_answer(look, topic->err, error);
    } else {
        look->count = (uint32_t)topic->partition_cnt;
        look->parts = mr_arena_take(arena, "sample", look->count + 1, sizeof *look->parts);
        for (uint32_t i = 0; i < look->count; i++)
            look->parts[i].partition = topic->partitions[i].id;
    }
    rd_kafka_metadata_destroy(metadata);
    return status;
}

/* Shares as equal as what the partitions hold allows: the emptier ones first leave more to the others, which the rounds do. */
static void share_out(looking *look)
{
    uint32_t rest = look->sampling->wanted;
    for (bool given = true; rest > 0 && given;) {
        uint32_t open = 0;
        for (uint32_t i = 0; i < look->count; i++)
            open += look->parts[i].high - look->parts[i].low > look->parts[i].share;
        given = open > 0;
        uint32_t each = given && rest / open > 0 ? rest / open : 1;
        for (uint32_t i = 0; i < look->count && rest > 0; i++) {
            part *one = &look->parts[i];
            int64_t room = one->high - one->low - one->share;
            uint32_t more = room < each ? (uint32_t)room : each;
            more = more < rest ? more : rest;
            one->share += more;
            rest -= more;
        }
    }
}

static mr_status find_bounds(looking *look, mr_error *error)
{
    bool any = false;
    for (uint32_t i = 0; i < look->count; i++) {
        part *one = &look->parts[i];
        rd_kafka_resp_err_t err =
            rd_kafka_query_watermark_offsets(mr_reader_client(look->reader), look->sampling->topic,
                                             one->partition, &one->low, &one->high, ASK_MS);
        if (err)
            return no_answer(look, err, error);
        any = any || one->high > one->low;
    }
    if (!any)
        return mr_fail(
            error, MR_DATA,
            "the topic %s has no events in its %u partitions: produce some first; `millrace config "
            "--starter` alone writes a general example",
            look->sampling->topic, look->count);
    share_out(look);
    return MR_OK;
}

/* ---- reading ---- */

static void finish(looking *look, part *one)
{
    look->left -= !one->done;
    one->done = true;
}

static part *find_part(looking *look, int32_t partition)
{
    for (uint32_t i = 0; i < look->count; i++)
        if (look->parts[i].partition == partition)
            return &look->parts[i];
    return NULL;
}

static void take(looking *look, mr_arrival arrival, mr_message *message)
{
    part *one = find_part(look, message->event.partition);
    if (arrival == MR_ARRIVAL_ERROR) {
        memcpy(look->said, message->error, sizeof look->said);
        if (one && message->out_of_range) /* deleted meanwhile */
            finish(look, one);
    } else if (one && !one->done) {
        if (arrival == MR_ARRIVAL_MESSAGE && message->event.offset < one->high) {
            look->seen++;
            look->sampling->each(look->sampling->context, &message->event);
        }
        if (arrival == MR_ARRIVAL_END || message->event.offset + 1 >= one->high)
            finish(look, one);
    }
}

/* Of the partitions that have a share, as many as the reader can hold. */
static void start(looking *look)
{
    for (uint32_t i = 0; i < look->count; i++) {
        part *one = &look->parts[i];
        one->done =
            one->share == 0 || look->left == MR_PARTITIONS_EACH ||
            !mr_reader_start(look->reader, 0, look->sampling->topic, one->partition, one->high - one->share);
        look->left += !one->done;
    }
}

static mr_status read_shares(looking *look, mr_error *error)
{
    mr_inbox *inbox = mr_reader_inbox(look->reader, 0);
    uint64_t heard_ms = mr_clock_ms(), told_ms = heard_ms;
    start(look);
    while (look->left > 0) {
        mr_message message;
        uint64_t now = mr_clock_ms();
        mr_bell_announce(&look->bell);
        mr_arrival arrival = mr_inbox_poll(inbox, &message);
        if (arrival == MR_ARRIVAL_NONE) {
            if (now > heard_ms + MR_SAMPLE_SILENCE_MS)
                break;
            mr_bell_sleep(&look->bell, 200);
        } else {
            mr_bell_stay(&look->bell);
            heard_ms = arrival == MR_ARRIVAL_ERROR ? heard_ms : now;
            take(look, arrival, &message);
            mr_message_free(&message);
        }
        if (look->sampling->progress && now >= told_ms + TELL_MS) {
            look->sampling->progress(look->sampling->context, look->seen, look->sampling->wanted);
            told_ms = now;
        }
    }
    if (look->seen > 0)
        return MR_OK;
    if (look->left > 0)
        return mr_fail(error, MR_UNAVAILABLE,
                       "%s: no event of topic %s came for %d s%s%s: see that the brokers run",
                       look->config->kafka.bootstrap_servers, look->sampling->topic,
                       MR_SAMPLE_SILENCE_MS / 1000, *look->said ? ", but: " : "", look->said);
    return mr_fail(
        error, MR_DATA,
        "the last %u offsets of topic %s hold no committed events: take more of them with --sample",
        look->sampling->wanted, look->sampling->topic);
}

mr_status mr_kafka_sample(const mr_config *config, const mr_kafka_sampling *sampling, mr_error *error)
{
    mr_arena *arena = mr_arena_new();
    looking look = {.config = config, .sampling = sampling};
    look.reader = mr_reader_new(config, arena, 1);
    mr_status status = MR_OK;
    bool rings = mr_bell_init(&look.bell);
    if (!rings)
        status = mr_fail(error, MR_UNAVAILABLE,
                         "cannot make an event counter, %s: raise the limit of open files", strerror(errno));
    if (!status)
        status = mr_reader_open(look.reader, &look.bell, error);
    if (!status)
        status = find_parts(&look, arena, error);
    if (!status)
        status = find_bounds(&look, error);
    if (!status)
        status = read_shares(&look, error);
    mr_reader_close(look.reader);
    if (rings)
        mr_bell_close(&look.bell);
    mr_arena_free(arena);
    return status;
}
