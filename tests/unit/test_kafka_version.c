/* Which librdkafka is refused: that loses commits or messages.  Its version is what this program says. */
#include <librdkafka/rdkafka.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "edges/kafka.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_versions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
