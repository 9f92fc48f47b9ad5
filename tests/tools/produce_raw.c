/* tools_produce_raw: messages of any bytes, from stdin, in order, to partition 0 of a topic.
 *
 *   tools_produce_raw ADDRESSES TOPIC [name=value]...     (librdkafka's properties)
 *
 * A message is, in host byte order: three int32, length of the key, length of the value, number of headers; for each header two int32, length of
 * the name and of the value; then the bytes of all of these in that order.  A length of -1 is null.  Exit 0 when every message was acknowledged:
 * then the n-th one has offset n, counted from what the topic had before.
 */
#include <stdbool.h>

#include "tool.h"

enum { HEADERS_MAX = 4096, FLUSH_MS = 60000 };

typedef struct message {
    int32_t key_len, value_len, headers;
} message;

typedef struct header {
    int32_t name_len, value_len;
} header;

static uint64_t acknowledged;

static void delivered(rd_kafka_t *client, const rd_kafka_message_t *report, void *opaque)
{
    (void)client;
    (void)opaque;
    if (report->err)
        die("not delivered: %s", rd_kafka_err2str(report->err));
    acknowledged++;
}

/* NULL for a length of -1, else memory of its own, never of no bytes. */
static void *take(int32_t len)
{
    if (len < 0)
        return NULL;
    void *bytes = tool_alloc((size_t)len + 1, 1);
    if (fread(bytes, 1, (size_t)len, stdin) != (size_t)len)
        die("the last message is not whole");
    return bytes;
}

static void send_one(rd_kafka_t *client, const char *topic, const message *head)
{
    static header lens[HEADERS_MAX];
    size_t count = (size_t)head->headers;
    if (count > HEADERS_MAX || fread(lens, sizeof *lens, count, stdin) != count)
        die("the last message is not whole, or has more than %d headers", HEADERS_MAX);
    void *key = take(head->key_len), *value = take(head->value_len);
    rd_kafka_headers_t *headers = rd_kafka_headers_new(count);
    for (size_t i = 0; i < count; i++) {
        char *name = take(lens[i].name_len);
        void *text = take(lens[i].value_len);
        rd_kafka_header_add(headers, name, lens[i].name_len, text, lens[i].value_len);
        free(name);
        free(text);
    }
    /* The library's macros are GNU C. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
    rd_kafka_resp_err_t err = rd_kafka_producev(
        client, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_KEY(key, (size_t)(key ? head->key_len : 0)),
        RD_KAFKA_V_VALUE(value, (size_t)(value ? head->value_len : 0)), RD_KAFKA_V_HEADERS(headers),
        RD_KAFKA_V_END);
#pragma GCC diagnostic pop
    if (err)
        die("cannot produce: %s", rd_kafka_err2str(err));
    free(key);
    free(value);
    rd_kafka_poll(client, 0);
}

int main(int argc, char **argv)
{
    tool_properties properties = {0};
    message head;
    uint64_t sent = 0;
    if (argc < 3)
        die("usage: tools_produce_raw ADDRESSES TOPIC [name=value]...");
    tool_property(&properties, "enable.idempotence=true"); /* keeps the order */
    for (int i = 3; i < argc; i++)
        tool_property(&properties, argv[i]);
    rd_kafka_conf_t *conf = tool_conf(argv[1], &properties);
    rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    rd_kafka_t *client = tool_client(RD_KAFKA_PRODUCER, conf);
    for (; fread(&head, sizeof head, 1, stdin) == 1; sent++)
        send_one(client, argv[2], &head);
    rd_kafka_flush(client, FLUSH_MS);
    if (acknowledged != sent)
        die("%llu of %llu messages were acknowledged", (unsigned long long)acknowledged,
            (unsigned long long)sent);
    rd_kafka_destroy(client);
    return 0;
}
