/* Every row of the design's table of error classes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "stages/dberror.h"

static unsigned of_table[MR_DB_CLASS_COUNT]; /* numbers that test_table has looked at */

static void expect(mr_db_class db_class, mr_db_phase phase, const unsigned *codes)
{
    for (; *codes; codes++, of_table[db_class] += phase == MR_DB_AT_STATEMENT)
        if (mr_db_classify(*codes, phase, NULL) != db_class)
            fail_msg("%u is %s", *codes, mr_db_class_name(mr_db_classify(*codes, phase, NULL)));
}

#define EXPECT(db_class, ...) expect(db_class, MR_DB_AT_STATEMENT, (const unsigned[]){__VA_ARGS__, 0})

static void test_table(void **state)
{
    (void)state;
    EXPECT(MR_DB_TRANSIENT, 1213, 1020, 1614, 3101, 1180, 1047);
    EXPECT(MR_DB_TRANSIENT, 1205, 1317, 1969, 3024);
    EXPECT(MR_DB_CONNECTION, 2002, 2003, 2012, 1040, 1203, 1226, 1129, 1053);
    EXPECT(MR_DB_AMBIGUOUS, 2006, 2013, 2055, 2027, 1077, 1078, 1079, 1927, 3032, 3169, 4031, 1158, 1159,
           1160, 1161, 2026);
    EXPECT(MR_DB_READ_ONLY, 1792, 1836); /* 1290: by its text */
    EXPECT(MR_DB_RESOURCE, 1021, 1114, 1030, 1037, 1041, 1206);
    EXPECT(MR_DB_SHARD_FATAL, 1044, 1045, 1049, 1054, 1064, 1130, 1136, 1142, 1146, 1364, 1698, 1820, 1862,
           2059, 2061, 3118, 4151); /* 2026: at connect */
    EXPECT(MR_DB_TOO_BIG, 1153, 1390, 2020);
    EXPECT(MR_DB_STATEMENT, 1243, 1412, 1615);
    EXPECT(MR_DB_ROW_POISON, 1048, 1062, 1264, 1265, 1292, 1300, 1366, 1406, 1452, 1526, 1644, 1690, 3140,
           3141, 3150, 3156, 3157, 3819, 4025);
    EXPECT(MR_DB_UNKNOWN, 2014, 1, 2000, 9999, 65535);
    /* Ours, beyond the design: a name that is not resolved, a grant that is missing for a column, and the library's own memory has ended, which is
     * no row's fault. */
    EXPECT(MR_DB_CONNECTION, 2005);
    EXPECT(MR_DB_RESOURCE, 2008);
    EXPECT(MR_DB_SHARD_FATAL, 1143);
}

/* Nothing has slipped in: the numbers of test_table are all that are known. */
static void test_nothing_else(void **state)
{
    (void)state;
    unsigned of_class[MR_DB_CLASS_COUNT] = {0};
    for (unsigned code = 1; code <= 65535; code++)
        of_class[mr_db_classify(code, MR_DB_AT_STATEMENT, "--read-only")]++;
    of_class[MR_DB_READ_ONLY]--; /* 1290, by its text */
    for (mr_db_class db_class = MR_DB_OK; db_class < MR_DB_UNKNOWN; db_class++)
        if (of_class[db_class] != of_table[db_class])
            fail_msg("%s: %u numbers, %u of them in test_table", mr_db_class_name(db_class),
                     of_class[db_class], of_table[db_class]);
}

static void test_commit(void **state)
{
    (void)state;
    /* Any error of a commit is ambiguous, even one that is clear elsewhere. */
    for (unsigned code = 1; code <= 65535; code++)
        if (mr_db_classify(code, MR_DB_AT_COMMIT, "--read-only") != MR_DB_AMBIGUOUS)
            fail_msg("%u in a COMMIT is not ambiguous", code);
    assert_int_equal(mr_db_classify(0, MR_DB_AT_COMMIT, NULL), MR_DB_OK);
}

static void test_connecting(void **state)
{
    (void)state;
    /* The shard is set up wrong, while a TLS error later is a lost connection (test_table). */
    assert_int_equal(mr_db_classify(2026, MR_DB_AT_CONNECT, NULL), MR_DB_SHARD_FATAL);
    /* Nothing was sent: what would be ambiguous later is not. */
    expect(MR_DB_CONNECTION, MR_DB_AT_CONNECT,
           (const unsigned[]){2002, 2003, 2012, 1040, 1203, 1226, 1129, 1053, 2006, 2013, 2055, 2027,
                              1077, 1078, 1079, 1927, 3032, 3169, 4031, 1158, 1159, 1160, 1161, 0});
    /* There was no row: none can be at fault, nor a search for it begin. */
    expect(
        MR_DB_SHARD_FATAL, MR_DB_AT_CONNECT,
        (const unsigned[]){1044, 1045, 1049, 1698, 1820, 1862, 2059, 2061, 1292, 1366, 2000, 2014, 9999, 0});
    /* The rest is what it is anywhere. */
    expect(MR_DB_TRANSIENT, MR_DB_AT_CONNECT, (const unsigned[]){1205, 1969, 0});
    expect(MR_DB_READ_ONLY, MR_DB_AT_CONNECT, (const unsigned[]){1792, 1836, 0});
    expect(MR_DB_RESOURCE, MR_DB_AT_CONNECT, (const unsigned[]){1037, 1041, 0});
    expect(MR_DB_TOO_BIG, MR_DB_AT_CONNECT, (const unsigned[]){1153, 1390, 0});
    assert_int_equal(mr_db_classify(0, MR_DB_AT_CONNECT, NULL), MR_DB_OK);
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
    assert_true(mr_db_class_keeps_connection(MR_DB_RESOURCE));
    assert_true(mr_db_class_keeps_connection(MR_DB_STATEMENT));
    assert_true(mr_db_class_keeps_connection(MR_DB_ROW_POISON));
    assert_true(mr_db_class_keeps_connection(MR_DB_UNKNOWN));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),          cmocka_unit_test(test_nothing_else),
        cmocka_unit_test(test_commit),         cmocka_unit_test(test_connecting),
        cmocka_unit_test(test_read_only_text), cmocka_unit_test(test_names_and_connections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
