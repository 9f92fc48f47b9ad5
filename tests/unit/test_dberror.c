/* Every row of the design's table of error classes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "stages/dberror.h"

static void expect(mr_db_class db_class, mr_db_phase phase, const unsigned *codes)
{
    for (; *codes; codes++)
        if (mr_db_classify(*codes, phase, NULL) != db_class)
            fail_msg("%u is %s", *codes, mr_db_class_name(mr_db_classify(*codes, phase, NULL)));
}

#define EXPECT(db_class, ...) expect(db_class, MR_DB_AT_STATEMENT, (const unsigned[]){__VA_ARGS__, 0})

static void test_table(void **state)
{
    (void)state;
    EXPECT(MR_DB_TRANSIENT, 1213, 1020, 1614, 3101, 1180, 1047, 1205, 1317, 1969, 3024);
    EXPECT(MR_DB_CONNECTION, 2002, 2003, 2012, 1040, 1203, 1226, 1129, 1053);
    EXPECT(MR_DB_AMBIGUOUS, 2006, 2013, 2055, 2027, 1077, 1078, 1079, 1927, 3032, 3169, 4031, 1158, 1159,
           1160, 1161, 2026);
    EXPECT(MR_DB_READ_ONLY, 1792, 1836);
    EXPECT(MR_DB_RESOURCE, 1021, 1114, 1030, 1037, 1041, 1206);
    EXPECT(MR_DB_SHARD_FATAL, 1044, 1045, 1049, 1054, 1064, 1130, 1136, 1142, 1143, 1146, 1364, 1698, 1820,
           1862, 2059, 2061, 3118, 4151);
    EXPECT(MR_DB_TOO_BIG, 1153, 1390, 2020);
    EXPECT(MR_DB_STATEMENT, 1243, 1412, 1615);
    EXPECT(MR_DB_ROW_POISON, 1048, 1062, 1264, 1265, 1292, 1300, 1366, 1406, 1452, 1526, 1644, 1690, 3140,
           3141, 3150, 3156, 3157, 3819, 4025);
    EXPECT(MR_DB_UNKNOWN, 2014, 1, 9999, 65535);
}

static void test_phases(void **state)
{
    (void)state;
    /* Any error of a commit is ambiguous, even one that is clear elsewhere. */
    expect(MR_DB_AMBIGUOUS, MR_DB_AT_COMMIT, (const unsigned[]){1213, 1205, 2013, 1406, 9999, 1290, 0});
    assert_int_equal(mr_db_classify(2026, MR_DB_AT_CONNECT, NULL), MR_DB_SHARD_FATAL);
    /* While connecting nothing was sent. */
    expect(MR_DB_CONNECTION, MR_DB_AT_CONNECT, (const unsigned[]){2002, 2003, 2006, 2013, 1040, 0});
    assert_int_equal(mr_db_classify(0, MR_DB_AT_COMMIT, NULL), MR_DB_OK);
}

static void test_read_only_text(void **state)
{
    (void)state;
    assert_int_equal(mr_db_classify(1290, MR_DB_AT_STATEMENT, "running with the --read-only option"),
                     MR_DB_READ_ONLY);
    assert_int_equal(mr_db_classify(1290, MR_DB_AT_STATEMENT, "running with the --super_read_only option"),
                     MR_DB_READ_ONLY);
    assert_int_equal(mr_db_classify(1290, MR_DB_AT_STATEMENT, "running with the --secure-file-priv option"),
                     MR_DB_SHARD_FATAL);
    assert_int_equal(mr_db_classify(1290, MR_DB_AT_STATEMENT, NULL), MR_DB_SHARD_FATAL);
}

static void test_names_and_connections(void **state)
{
    (void)state;
    for (int a = 0; a < MR_DB_CLASS_COUNT; a++)
        for (int b = 0; b < a; b++)
            assert_string_not_equal(mr_db_class_name((mr_db_class)a), mr_db_class_name((mr_db_class)b));
    static const mr_db_class closed[] = {MR_DB_CONNECTION, MR_DB_AMBIGUOUS, MR_DB_READ_ONLY,
                                         MR_DB_SHARD_FATAL, MR_DB_TOO_BIG};
    for (size_t i = 0; i < sizeof closed / sizeof closed[0]; i++)
        assert_false(mr_db_class_keeps_connection(closed[i]));
    assert_true(mr_db_class_keeps_connection(MR_DB_TRANSIENT));
    assert_true(mr_db_class_keeps_connection(MR_DB_ROW_POISON));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table), cmocka_unit_test(test_phases),
                                       cmocka_unit_test(test_read_only_text),
                                       cmocka_unit_test(test_names_and_connections)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
