/* What every client of Kafka is told, whatever the user's properties say: no offset is guessed, none is committed by itself, ends of partitions are
 * reported, and no dead letter is given up; and that a rotated secret is noticed. */
#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <unistd.h>

#include "edges/kafka_client.h"
#include "edges/kafka_reader.h"
#include "fake_log.h"
#include "small_config.h"

static mr_config *config;
static rd_kafka_conf_t *conf;

static void configure(const char *kafka, const char *memory)
{
    config = small_config("b", kafka, memory);
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
        configure("", "");
        make(roles[i]);
        assert_property("auto.offset.reset", "error");
        assert_property("enable.auto.commit", "false");
        assert_property("enable.auto.offset.store", "false");
        assert_property("enable.partition.eof", "true");
        assert_property("isolation.level", "read_committed");
        drop();
        mr_config_free(config);
        configure(",\"isolation\":\"read_uncommitted\"", "");
        make(roles[i]);
        assert_property("isolation.level", "read_uncommitted");
        drop();
        mr_config_free(config);
    }
}

static void assert_fetching(const char *kafka, const char *memory, const char *kbytes, const char *messages,
                            const char *answer)
{
    configure(kafka, memory);
    make(MR_KAFKA_CONSUMER);
    assert_property("queued.max.messages.kbytes", kbytes);
    assert_property("queued.min.messages", messages);
    assert_property("fetch.max.bytes", answer);
    drop();
    mr_config_free(config);
}

/* What is fetched ahead: as much as this library needs, or what the configuration says; threads share it. */
static void test_fetching(void **state)
{
    (void)state;
    static const char sasl[] = ",\"properties\":{\"security.protocol\":\"sasl_plaintext\",\"sasl.mechanism\":"
                               "\"PLAIN\",\"sasl.username\":\"u\",\"sasl.password\":\"p\"}";
    bool stalls = rd_kafka_version() < 0x020200ff;
    assert_fetching("", "", "16384", "32769", "4194304");
    assert_fetching(sasl, "", stalls ? "65536" : "16384", stalls ? "131073" : "32769",
                    stalls ? "16777216" : "4194304");
    assert_fetching(",\"consumer_threads\":4", ",\"memory\":{\"fetch_mib\":2}", "512", "1025", "1048576");
    assert_fetching("", ",\"memory\":{\"fetch_mib\":256}", "262144", "524289", "16777216");
    /* librdkafka wants room for the largest message that is allowed. */
    assert_fetching(",\"properties\":{\"message.max.bytes\":\"9000000\"}", "", "16384", "32769", "9000000");
    assert_fetching(",\"consumer_properties\":{\"message.max.bytes\":\"9000000\"}", "", "16384", "32769",
                    "9000000");
    assert_fetching(",\"properties\":{\"message.max.bytes\":\"2000000\"}", "", "16384", "32769", "4194304");
    assert_fetching(",\"consumer_properties\":{\"fetch.max.bytes\":\"5000000\"}", "", "16384", "32769",
                    "5000000");
}

static void test_producer(void **state)
{
    (void)state;
    configure("", "");
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
    configure(kafka, "");
    mr_kafka_owner owner = {.config = config};
    rd_kafka_t *client;
    conf = mr_kafka_conf(&owner, role, &error);
    if (conf)
        assert_int_equal(mr_kafka_new(conf, role, &client, &error), MR_CONFIG);
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
    refuse(MR_KAFKA_CONSUMER, mechanism, "librdkafka makes no client, ");
    refuse(MR_KAFKA_PRODUCER, mechanism, ": correct kafka.properties and what goes with it, see its");
    refuse(MR_KAFKA_READER, ",\"properties_file\":{\"sasl.password\":\"/nonexistent\"}",
           "/nonexistent: No such file or directory: check that the secret is mounted and readable");
    refuse(MR_KAFKA_READER, ",\"properties_file\":{\"sasl.password\":\"/\"}",
           "/: Is a directory: check that the secret is mounted and readable");
    refuse(MR_KAFKA_READER, ",\"properties_file\":{\"sasl.password\":\"/dev/zero\"}",
           "/dev/zero is longer than 16382 bytes: name the file that holds the secret alone");
}

/* ---- secrets ---- */

static char secret_file[] = "/tmp/millrace-secret.XXXXXX";

static void keep_secret(const char *text)
{
    FILE *file = fopen(secret_file, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int set_up_secret(void **state)
{
    (void)state;
    int fd = mkstemp(secret_file);
    assert_true(fd >= 0);
    close(fd);
    return 0;
}

static int tear_down_secret(void **state)
{
    (void)state;
    memcpy(strchr(secret_file, '.') + 1, "XXXXXX", 6);
    return 0;
}

static void rotate(const char *kafka, const char *event)
{
    mr_kafka_secrets seen = {0};
    rd_kafka_t *client;
    mr_error error = {.text = ""};
    keep_secret("one\n");
    configure(kafka, "");
    make(MR_KAFKA_PRODUCER);
    assert_int_equal(mr_kafka_new(conf, MR_KAFKA_PRODUCER, &client, &error), MR_OK);
    assert_false(mr_kafka_reload_secrets(client, config, &seen)); /* nothing was known before */
    assert_false(mr_kafka_reload_secrets(client, config, &seen));
    keep_secret("another\n");
    assert_true(mr_kafka_reload_secrets(client, config, &seen));
    assert_false(mr_kafka_reload_secrets(client, config, &seen));
    unlink(secret_file);
    assert_false(mr_kafka_reload_secrets(client, config, &seen)); /* goes on with what it has */
    assert_logged(event, ": No such file or directory: check that the secret is mounted and readable");
    keep_secret("another\n");
    assert_false(mr_kafka_reload_secrets(client, config, &seen));
    unlink(secret_file);
    rd_kafka_destroy(client);
    mr_config_free(config);
}

/* What is read is no token, or the client wants none: what to do is said. */
static void test_no_token(void **state)
{
    (void)state;
    mr_kafka_secrets seen = {0};
    rd_kafka_t *client;
    mr_error error = {.text = ""};
    configure("", "");
    make(MR_KAFKA_PRODUCER);
    assert_int_equal(mr_kafka_new(conf, MR_KAFKA_PRODUCER, &client, &error), MR_OK);
    mr_config_free(config);
    configure(",\"token_file\":\"/proc/self/cmdline\"", "");
    assert_false(mr_kafka_reload_secrets(client, config, &seen));
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
    configure("", "");
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

static void test_password(void **state)
{
    (void)state;
    char kafka[512];
    snprintf(kafka, sizeof kafka,
             ",\"properties\":{\"security.protocol\":\"sasl_plaintext\",\"sasl.mechanism\":\"PLAIN\","
             "\"sasl.username\":\"u\"},\"properties_file\":{\"sasl.password\":\"%s\"}",
             secret_file);
    rotate(kafka, "secret_failed");
}

static void test_token(void **state)
{
    (void)state;
    char kafka[512];
    snprintf(kafka, sizeof kafka,
             ",\"properties\":{\"security.protocol\":\"sasl_plaintext\",\"sasl.mechanism\":\"OAUTHBEARER\"},"
             "\"token_file\":\"%s\"",
             secret_file);
    rotate(kafka, "token_failed");
}

/* A property that librdkafka takes, but not with the others: the configuration is gone with the failure, and the error says so. */
static void test_no_client(void **state)
{
    (void)state;
    rd_kafka_t *client = NULL;
    mr_error error = {.text = ""};
    configure("", "");
    make(MR_KAFKA_PRODUCER);
    assert_true(mr_kafka_conf_try(conf, "transactional.id", "t") &&
                mr_kafka_conf_try(conf, "transaction.timeout.ms", "1000") &&
                mr_kafka_conf_try(conf, "socket.timeout.ms", "60000"));
    assert_int_equal(mr_kafka_new(conf, MR_KAFKA_PRODUCER, &client, &error), MR_CONFIG);
    assert_null(client);
    assert_true(strstr(error.text, "librdkafka makes no client, ") == error.text);
    mr_config_free(config);
}

#define SECRET(name) cmocka_unit_test_setup_teardown(name, set_up_secret, tear_down_secret)

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_readers),
                                       cmocka_unit_test(test_fetching),
                                       cmocka_unit_test(test_producer),
                                       SECRET(test_password),
                                       SECRET(test_token),
                                       cmocka_unit_test(test_no_client),
                                       cmocka_unit_test(test_refused),
                                       cmocka_unit_test(test_no_token),
                                       cmocka_unit_test(test_many_topics)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
