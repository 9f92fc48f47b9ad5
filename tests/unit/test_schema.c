/* What does not fit is found, without a server: the comparisons that the servers of tests/integration cannot be made to show; and the table that ddl makes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stages/schema.h"

static mr_config *config;
static mr_table_column columns[3];
static mr_table_index indexes[2];
static mr_table table;

static int set_up(void **state)
{
    (void)state;
    static const char text[] =
        "{\"kafka\":{\"bootstrap_servers\":\"b:1\",\"group_id\":\"g\"},\"streams\":[{\"name\":\"s\","
        "\"topic\":\"t\",\"table\":\"db.t`x\","
        "\"id\":{\"columns\":[\"k\"]},\"columns\":[{\"name\":\"k\",\"from\":\"k\",\"type\":\"string\",\"max_"
        "bytes\":20,\"required\":true},"
        "{\"name\":\"n\",\"from\":\"n\",\"type\":\"int32\"},{\"name\":\"j\",\"from\":\"j\",\"type\":\"json\","
        "\"max_bytes\":70000}]}],"
        "\"shards\":[{\"name\":\"a\",\"host\":\"h\",\"user\":\"u\",\"database\":\"d\"}]}";
    mr_findings findings = {0};
    return mr_config_parse("test", text, strlen(text), NULL, &config, &findings) != MR_OK;
}

static int tear_down(void **state)
{
    (void)state;
    mr_config_free(config);
    return 0;
}

/* A table that fits, which each test spoils in one place. */
static void fitting(void)
{
    columns[0] = (mr_table_column){.name = "k",
                                   .data_type = "varchar",
                                   .column_type = "varchar(20)",
                                   .max_chars = 20,
                                   .max_bytes = 80,
                                   .charset = "utf8mb4",
                                   .collation = "utf8mb4_nopad_bin"};
    columns[1] =
        (mr_table_column){.name = "N", .data_type = "bigint", .column_type = "bigint(20)", .nullable = true};
    columns[2] = (mr_table_column){.name = "j",
                                   .data_type = "mediumtext",
                                   .column_type = "mediumtext",
                                   .max_chars = 16777215,
                                   .max_bytes = 16777215,
                                   .nullable = true,
                                   .charset = "utf8mb4",
                                   .collation = "utf8mb4_general_ci",
                                   .pad_space = true};
    indexes[0] =
        (mr_table_index){.name = "PRIMARY", .unique = true, .primary = true, .columns = 1, .column = {"k"}};
    table = (mr_table){.exists = true,
                       .engine = "InnoDB",
                       .columns = columns,
                       .column_count = 3,
                       .indexes = indexes,
                       .index_count = 1};
}

static void expect(mr_level level, const char *word)
{
    mr_findings findings = {0};
    mr_schema_compare(&config->streams[0], &table, "here", &findings);
    bool found = false;
    for (size_t i = 0; i < findings.count; i++)
        found = found || (findings.at[i].level == level && strstr(findings.at[i].what, word) &&
                          *findings.at[i].remedy);
    if (!found || findings.count != 1)
        fail_msg("%s: %zu findings, %s", word, findings.count, findings.count ? findings.at[0].what : "");
    mr_findings_free(&findings);
}

static void test_fits(void **state)
{
    (void)state;
    mr_findings findings = {0};
    fitting();
    mr_schema_compare(&config->streams[0], &table, "here", &findings);
    assert_int_equal(findings.count, 0);
}

static void test_identity(void **state)
{
    (void)state;
    fitting();
    strcpy(columns[0].collation, "utf8mb4_general_ci"); /* takes ABC for abc */
    columns[0].pad_space = true;
    expect(MR_LEVEL_ERROR, "different texts for the same");
    fitting();
    strcpy(columns[0].collation, "utf8mb4_bin"); /* takes "a " for "a" */
    columns[0].pad_space = true;
    expect(MR_LEVEL_ERROR, "different texts for the same");
    fitting();
    strcpy(indexes[0].column[0], "n");
    expect(MR_LEVEL_ERROR, "not the stream's identity");
    fitting();
    indexes[0].prefix = true;
    expect(MR_LEVEL_ERROR, "not the stream's identity");
    fitting();
    table.index_count = 0;
    expect(MR_LEVEL_ERROR, "the table has no primary key");
    fitting();
    indexes[1] = (mr_table_index){.name = "other", .unique = true, .columns = 1, .column = {"n"}};
    table.index_count = 2;
    expect(MR_LEVEL_WARNING, "the unique key other refuses events that share its value with another row");
}

static void test_columns(void **state)
{
    (void)state;
    fitting();
    strcpy(columns[1].data_type, "smallint");
    expect(MR_LEVEL_ERROR, "int32");
    fitting();
    columns[1].is_unsigned = true;
    expect(MR_LEVEL_ERROR, "int32");
    fitting();
    strcpy(columns[1].data_type, "decimal");
    columns[1].precision = 20;
    mr_findings findings = {0};
    mr_schema_compare(&config->streams[0], &table, "here", &findings);
    assert_int_equal(findings.count, 0); /* wider is fine */
    columns[1].precision = 9;
    expect(MR_LEVEL_ERROR, "int32");
    fitting();
    columns[1].is_generated = true;
    expect(MR_LEVEL_ERROR, "column n is generated");
    fitting();
    columns[1].nullable = false;
    expect(MR_LEVEL_ERROR, "column n is NOT NULL, but the stream may write NULL");
    fitting();
    strcpy(columns[2].data_type, "text");
    columns[2].max_bytes = 65535;
    expect(MR_LEVEL_ERROR, "65535 bytes");
    fitting();
    strcpy(columns[2].charset, "utf8mb3"); /* no emoji */
    expect(MR_LEVEL_ERROR, "utf8mb3");
    fitting();
    columns[0].max_chars = 19;
    expect(MR_LEVEL_ERROR, "19 characters");
    fitting();
    table.column_count = 2;
    expect(MR_LEVEL_ERROR, "there is no column j");
    fitting();
    strcpy(table.engine, "Aria");
    expect(MR_LEVEL_ERROR, "the engine is Aria, which has no transactions");
    fitting();
    table.exists = false;
    expect(MR_LEVEL_ERROR, "there is no table db.t`x");
}

static void test_ddl(void **state)
{
    (void)state;
    char text[2048];
    mr_buf out = mr_buf_over(text, sizeof text);
    mr_schema_ddl(&config->streams[0], &out);
    assert_string_equal(text, "CREATE TABLE `db`.`t``x` (\n"
                              "  `k` VARBINARY(20) NOT NULL,\n"
                              "  `n` INT NULL,\n"
                              "  `j` MEDIUMTEXT NULL,\n"
                              "  PRIMARY KEY (`k`)\n"
                              ") ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;\n");
}

/* What a row takes of MySQL's 65,535 bytes by the statement: four bytes a character of a VARCHAR and two for its length, a pointer for a TEXT, what
 * DECIMAL(65,30) takes (the widest of a fixed width), a bit for each NULL. */
static unsigned long row_bytes(const char *ddl, size_t count)
{
    unsigned long row = 20 + (count + 7) / 8;
    for (const char *at = ddl; (at = strstr(at, "` VARCHAR(")) != NULL; at++)
        row += 4 * strtoul(at + 10, NULL, 10) + 2;
    for (const char *at = ddl; (at = strstr(at, "` TEXT ")) != NULL; at++)
        row += 12;
    for (const char *at = ddl; (at = strstr(at, "` DECIMAL(65,30)")) != NULL; at++)
        row += 30;
    return row;
}

/* So many texts of so many bytes, and others beside them. */
static const char *ddl_of(size_t texts, uint32_t bytes, size_t decimals)
{
    static char text[65536];
    static mr_column many[255];
    mr_stream stream = {
        .table = "t", .id_ksuid = true, .id_column = "id", .columns = many, .column_count = texts + decimals};
    for (size_t i = 0; i < stream.column_count; i++)
        many[i] = i < texts ? (mr_column){.name = "c", .type = MR_TYPE_STRING, .max_bytes = bytes}
                            : (mr_column){.name = "d", .type = MR_TYPE_DECIMAL, .precision = 65, .scale = 30};
    mr_buf out = mr_buf_over(text, sizeof text);
    mr_schema_ddl(&stream, &out);
    assert_false(out.full);
    assert_in_range(row_bytes(text, stream.column_count), 0, 65535);
    return text;
}

/* Whatever the columns are, a row is small enough, and texts are VARCHAR as far as that is so. */
static void test_ddl_of_many_columns(void **state)
{
    (void)state;
    for (uint32_t bytes = 16; bytes <= 8192; bytes *= 2)
        for (size_t texts = 1; texts <= 200; texts += 33)
            ddl_of(texts, bytes, 0);
    /* Near the limit, where the room of the columns that are no texts decides. */
    for (uint32_t bytes = 200; bytes <= 400; bytes++)
        for (size_t texts = 5; texts <= 55; texts += 10)
            ddl_of(texts, bytes, 200);
    assert_non_null(strstr(ddl_of(200, 64, 0), "` VARCHAR(64)"));
    assert_non_null(strstr(ddl_of(55, 250, 200), "` VARCHAR(250)"));
    assert_null(strstr(ddl_of(55, 290, 200), "VARCHAR"));
}

/* No type is forgotten: each has its SQL, and a name of its own. */
static void test_ddl_of_each_type(void **state)
{
    (void)state;
    char text[1024], line[64];
    for (mr_type type = 0; type < MR_TYPE_COUNT; type++) {
        mr_column column = {.name = "c", .type = type, .max_bytes = 9, .precision = 9, .scale = 2};
        mr_stream stream = {
            .table = "t", .id_ksuid = true, .id_column = "id", .columns = &column, .column_count = 1};
        mr_buf out = mr_buf_over(text, sizeof text);
        mr_schema_ddl(&stream, &out);
        if (sscanf(text, "CREATE TABLE `t` (\n  `id` BINARY(20) NOT NULL,\n  `c` %63[A-Z]", line) != 1 ||
            !strcmp(line, "NULL"))
            fail_msg("%s: %s", mr_type_name(type), text);
        for (mr_type other = 0; other < type; other++)
            assert_string_not_equal(mr_type_name(type), mr_type_name(other));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fits),
                                       cmocka_unit_test(test_identity),
                                       cmocka_unit_test(test_columns),
                                       cmocka_unit_test(test_ddl),
                                       cmocka_unit_test(test_ddl_of_many_columns),
                                       cmocka_unit_test(test_ddl_of_each_type)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
