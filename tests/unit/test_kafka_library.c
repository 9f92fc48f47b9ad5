/* Which librdkafka is refused: that loses commits or messages; and what one without a feature is said to lack.  Version and features are what this
 * program says. */
#include <librdkafka/rdkafka.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "edges/kafka.h"
#include "edges/kafka_client.h"
#include "small_config.h"

static int version;

/* The linker takes it before the library's. */
int rd_kafka_version(void)
{
    return version;
}

static void test_versions(void **state)
{
    (void)state;
    static const struct {
        int version;
        const char *why; /* NULL: it is good */
    } cases[] = {
        {0x020001ff, "older than 2.0.2"},
        {0x010900ff, "older than 2.0.2"},
        {0x020002ff, NULL},
        {0x020100ff, "one of 2.1.0 to 2.2.x, which lose commits"},
        {0x020200ff, "lose commits"},
        {0x020300ff, NULL},
        {0x020400ff, NULL},
        {0x020500ff, "2.5.0, which is known to be broken"},
        {0x020501ff, NULL},
        {0x020a00ff, "2.10.0, which is known to be broken"},
        {0x020a01ff, NULL},
        {0x030000ff, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mr_error error = {.text = ""};
        version = cases[i].version;
        assert_int_equal(mr_kafka_version_check(&error), cases[i].why ? MR_CONFIG : MR_OK);
        if (cases[i].why)
            assert_true(strstr(error.text, "this librdkafka is ") == error.text &&
                        strstr(error.text, cases[i].why) &&
                        strstr(error.text, ": install another one, for example 2.0.2"));
    }
}

rd_kafka_conf_res_t rd_kafka_conf_get(const rd_kafka_conf_t *conf, const char *name, char *value,
                                      size_t *size)
{
    (void)conf;
    if (strcmp(name, "builtin.features") != 0)
        return RD_KAFKA_CONF_UNKNOWN;
    snprintf(value, *size, "snappy,ssl_certificates");
    return RD_KAFKA_CONF_OK;
}

static void test_features(void **state)
{
    (void)state;
    static const struct {
        const char *property, *what, *remedy;
    } cases[] = {
        {"\"security.protocol\":\"sasl_ssl\"", "this librdkafka has no TLS", "install a librdkafka with TLS"},
        {"\"sasl.mechanisms\":\"SCRAM-SHA-256\"", "this librdkafka has no SCRAM",
         "install a librdkafka with it"},
        {"\"sasl.oauthbearer.method\":\"oidc\"", "this librdkafka has no OIDC",
         "let a sidecar write the token"},
    };
    version = 0x020002ff;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char kafka[128];
        mr_findings findings = {0};
        bool found = false;
        snprintf(kafka, sizeof kafka, ",\"properties\":{%s}", cases[i].property);
        mr_config *config = small_config("b", kafka, "");
        mr_kafka_check(config, true, &findings);
        for (size_t k = 0; k < findings.count; k++)
            found = found || (!strcmp(findings.at[k].what, cases[i].what) &&
                              strstr(findings.at[k].remedy, cases[i].remedy));
        assert_true(found);
        mr_findings_free(&findings);
        mr_config_free(config);
    }
}

rd_kafka_t *rd_kafka_new(rd_kafka_type_t type, rd_kafka_conf_t *conf, char *why, size_t size)
{
    (void)type;
    (void)conf;
    snprintf(why, size, "Failed to create thread");
    return NULL;
}

rd_kafka_resp_err_t rd_kafka_last_error(void)
{
    return RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE;
}

/* It is not the configuration's fault. */
static void test_no_threads(void **state)
{
    (void)state;
    rd_kafka_t *client = NULL;
    mr_error error = {.text = ""};
    assert_int_equal(mr_kafka_new(rd_kafka_conf_new(), MR_KAFKA_ASKER, &client, &error), MR_UNAVAILABLE);
    assert_null(client);
    assert_string_equal(
        error.text,
        "librdkafka makes no client, Failed to create thread: allow the process more threads and files");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_versions), cmocka_unit_test(test_features),
                                       cmocka_unit_test(test_no_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
