/* What every client of Kafka is told, whatever the user's properties say: no offset is guessed, none is committed by itself, ends of partitions are
 * reported, and no dead letter is given up. */
#include <librdkafka/rdkafka.h>

#include <stdlib.h>
#include <unistd.h>

#include "edges/kafka_client.h"
#include "edges/kafka_reader.h"
#include "fake_log.h"
#include "small_config.h"

static mr_config *config;
static rd_kafka_conf_t *conf;

static void configure(const char *kafka)
{
    config = small_config("b", kafka, "");
}

static void make(mr_kafka_role role)
{
    static mr_kafka_owner owner;
    mr_error error = {.text = ""};
    owner.config = config;
    conf = mr_kafka_conf(&owner, role, &error);
    if (!conf)
        fail_msg("%s", error.text);
}

static void drop(void)
{
    rd_kafka_conf_destroy(conf);
    conf = NULL;
}

static void assert_property(const char *name, const char *expected)
{
    char value[512];
    size_t size = sizeof value;
    assert_int_equal(rd_kafka_conf_get(conf, name, value, &size), RD_KAFKA_CONF_OK);
    if (strcmp(value, expected) != 0)
        fail_msg("%s is \"%s\" instead of \"%s\"", name, value, expected);
}

static void test_readers(void **state)
{
    (void)state;
    static const mr_kafka_role roles[] = {MR_KAFKA_CONSUMER, MR_KAFKA_READER};
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        configure("");
        make(roles[i]);
        assert_property("auto.offset.reset", "error");
        assert_property("enable.auto.commit", "false");
        assert_property("enable.auto.offset.store", "false");
        assert_property("enable.partition.eof", "true");
        assert_property("isolation.level", "read_committed");
        drop();
        mr_config_free(config);
        configure(",\"isolation\":\"read_uncommitted\"");
        make(roles[i]);
        assert_property("isolation.level", "read_uncommitted");
        drop();
        mr_config_free(config);
    }
}

static void test_producer(void **state)
{
    (void)state;
    configure("");
    make(MR_KAFKA_PRODUCER);
    assert_property("enable.idempotence", "true");
    assert_property("message.timeout.ms", "0");
    assert_property("acks", "-1");
    drop();
    mr_config_free(config);
}

static void refuse(mr_kafka_role role, const char *kafka, const char *says)
{
    mr_error error = {.text = ""};
    configure(kafka);
    mr_kafka_owner owner = {.config = config};
    conf = mr_kafka_conf(&owner, role, &error);
    if (conf)
        assert_null(mr_kafka_client(role, conf, &error));
    if (!strstr(error.text, says))
        fail_msg("\"%s\" does not say \"%s\"", error.text, says);
    mr_config_free(config);
}

/* What librdkafka does not take, and secrets that are none. */
static void test_refused(void **state)
{
    (void)state;
    static const char
        nonsense[] = ",\"properties\":{\"nonsense\":\"1\"}",
        mechanism[] =
            ",\"properties\":{\"security.protocol\":\"sasl_plaintext\",\"sasl.mechanisms\":\"NONE\"}";
    refuse(MR_KAFKA_ASKER, nonsense, " refuses nonsense, ");
    refuse(MR_KAFKA_ASKER, nonsense, ": see its CONFIGURATION.md");
    refuse(MR_KAFKA_CONSUMER, mechanism, "librdkafka makes no consumer, ");
    refuse(MR_KAFKA_PRODUCER, mechanism, "librdkafka makes no producer, ");
    refuse(MR_KAFKA_PRODUCER, mechanism, ": correct kafka.properties or kafka.producer_properties");
    refuse(MR_KAFKA_READER, ",\"properties_file\":{\"sasl.password\":\"/nonexistent\"}",
           "/nonexistent: No such file or directory: check that the secret is mounted and readable");
    refuse(MR_KAFKA_READER, ",\"properties_file\":{\"sasl.password\":\"/\"}",
           "/: Is a directory: check that the secret is mounted and readable");
    refuse(MR_KAFKA_READER, ",\"properties_file\":{\"sasl.password\":\"/dev/zero\"}",
           "/dev/zero is longer than 16382 bytes: name the file that holds the secret alone");
}

/* Those of a running client: what cannot be read is said, and what was read before stays. */
static void test_secrets_later(void **state)
{
    (void)state;
    static mr_kafka_owner owner;
    char file[] = "/tmp/millrace-secret-XXXXXX", kafka[256];
    uint64_t seen = 0;
    mr_error error = {.text = ""};
    int fd = mkstemp(file);
    assert_true(fd >= 0 && write(fd, "brook\n", 6) == 6);
    close(fd);
    snprintf(kafka, sizeof kafka, ",\"properties_file\":{\"sasl.password\":\"%s\"}", file);
    configure(kafka);
    owner.config = config;
    conf = mr_kafka_conf(&owner, MR_KAFKA_PRODUCER, &error);
    assert_non_null(conf);
    rd_kafka_t *client = mr_kafka_client(MR_KAFKA_PRODUCER, conf, &error);
    assert_non_null(client);
    assert_false(mr_kafka_reload_secrets(client, config, &seen));
    uint64_t first = seen;
    unlink(file);
    assert_false(mr_kafka_reload_secrets(client, config, &seen));
    assert_true(first != 0 && seen == first);
    assert_logged("secret_failed", ": No such file or directory: check that the secret is mounted");
    mr_config_free(config);
    configure(",\"token_file\":\"/proc/self/cmdline\""); /* the client has no OAUTHBEARER */
    mr_kafka_reload_secrets(client, config, &seen);
    assert_logged("token_failed", "kafka.token_file /proc/self/cmdline, ");
    assert_logged("token_failed", ": let it hold one OAUTHBEARER token that is still good");
    rd_kafka_destroy(client);
    mr_config_free(config);
}

/* The reader takes as many topics at once as it has places for. */
static void test_many_topics(void **state)
{
    (void)state;
    mr_error error = {.text = ""};
    mr_arena *arena = mr_arena_new();
    mr_bell bell;
    char name[32];
    configure("");
    assert_true(mr_bell_init(&bell));
    mr_reader *reader = mr_reader_new(config, arena, 1);
    assert_int_equal(mr_reader_open(reader, &bell, &error), MR_OK);
    for (int i = 0; i <= MR_READER_TOPICS; i++) {
        snprintf(name, sizeof name, "t%d", i);
        assert_int_equal(mr_reader_start(reader, 0, name, 0, 1), i < MR_READER_TOPICS);
    }
    assert_logged("reader_refused", "cannot read the partition again now: too many topics at once");
    mr_reader_close(reader);
    mr_bell_close(&bell);
    mr_arena_free(arena);
    mr_config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_readers), cmocka_unit_test(test_producer),
                                       cmocka_unit_test(test_refused), cmocka_unit_test(test_secrets_later),
                                       cmocka_unit_test(test_many_topics)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
