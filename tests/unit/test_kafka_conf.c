/* What every client of Kafka is told, whatever the user's properties say: no offset is guessed, none is committed by itself, ends of partitions are
 * reported, and no dead letter is given up. */
#include <librdkafka/rdkafka.h>

#include "edges/kafka_client.h"
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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_readers), cmocka_unit_test(test_fetching),
                                       cmocka_unit_test(test_producer)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
