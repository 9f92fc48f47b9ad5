/* Each type of a stream against each kind of column: what would lose something is an error, what is wider is fine; and the table that ddl makes of all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "stages/schema.h"

#define ID                                                                                                   \
    {                                                                                                        \
        .name = "id", .data_type = "binary", .column_type = "binary(20)", .max_bytes = 20                    \
    }
/* The stream's column, the table's. */
#define COLUMN(...)                                                                                          \
    {                                                                                                        \
        .name = "c", .required = true, __VA_ARGS__                                                           \
    }
#define IS(type)                                                                                             \
    {                                                                                                        \
        .name = "c", .data_type = type, .column_type = type                                                  \
    }
#define HAS(type, ...)                                                                                       \
    {                                                                                                        \
        .name = "c", .data_type = type, .column_type = type, __VA_ARGS__                                     \
    }
#define TEXT(type, chars, bytes)                                                                             \
    HAS(type, .max_chars = chars, .max_bytes = bytes, .charset = "utf8mb4", .collation = "utf8mb4_bin")
#define DECIMAL(p, s) HAS("decimal", .precision = p, .scale = s)
#define DIGITS(n)     HAS("datetime", .fraction = n)

typedef struct example {
    mr_column column;
    mr_table_column has;
    mr_level level;   /* OK: it fits */
    const char *what; /* of the finding */
} example;

static void look(const example *about, size_t number)
{
    mr_table_column columns[] = {ID, about->has};
    mr_table_index primary = {
        .name = "PRIMARY", .unique = true, .primary = true, .columns = 1, .column = {"id"}};
    mr_column column = about->column;
    mr_stream stream = {
        .table = "t", .id_ksuid = true, .id_column = "id", .columns = &column, .column_count = 1};
    mr_table table = {.exists = true,
                      .engine = "InnoDB",
                      .columns = columns,
                      .column_count = 2,
                      .indexes = &primary,
                      .index_count = 1};
    mr_findings findings = {0};
    mr_schema_compare(&stream, &table, "here", &findings);
    const mr_finding *found = findings.count ? &findings.at[0] : NULL;
    if (findings.count != (about->level != MR_LEVEL_OK) ||
        (found && (found->level != about->level || !strstr(found->what, about->what) || !*found->remedy)))
        fail_msg("example %zu (%s into %s): %zu findings: %s", number, mr_type_name(column.type),
                 about->has.data_type, findings.count, found ? found->what : "");
    mr_findings_free(&findings);
}

static void look_at_all(const example *examples, size_t count)
{
    for (size_t i = 0; i < count; i++)
        look(&examples[i], i);
}
#define LOOK(examples) look_at_all(examples, sizeof(examples) / sizeof(examples)[0])

static void test_integers(void **state)
{
    (void)state;
    static const example examples[] = {
        {COLUMN(.type = MR_TYPE_INT8), IS("tinyint"), MR_LEVEL_OK, ""},
        {COLUMN(.type = MR_TYPE_INT16), IS("mediumint"), MR_LEVEL_OK, ""},
        {COLUMN(.type = MR_TYPE_INT64), IS("bigint"), MR_LEVEL_OK, ""},
        {COLUMN(.type = MR_TYPE_INT64), IS("int"), MR_LEVEL_ERROR,
         "column c is int, but the stream writes int64: it takes a signed integer as wide"},
        {COLUMN(.type = MR_TYPE_INT32), IS("mediumint"), MR_LEVEL_ERROR, "int32"},
        {COLUMN(.type = MR_TYPE_INT8), HAS("bigint", .is_unsigned = true), MR_LEVEL_ERROR, "signed integer"},
        {COLUMN(.type = MR_TYPE_UINT8), HAS("tinyint", .is_unsigned = true), MR_LEVEL_OK, ""},
        {COLUMN(.type = MR_TYPE_UINT8), IS("smallint"), MR_LEVEL_OK, ""},
        {COLUMN(.type = MR_TYPE_UINT32), IS("int"), MR_LEVEL_ERROR, "unsigned integer"},
        {COLUMN(.type = MR_TYPE_UINT64), HAS("bigint", .is_unsigned = true), MR_LEVEL_OK, ""},
        {COLUMN(.type = MR_TYPE_UINT64), IS("bigint"), MR_LEVEL_ERROR, "uint64"},
        {COLUMN(.type = MR_TYPE_BOOL), IS("tinyint"), MR_LEVEL_OK, ""},
        {COLUMN(.type = MR_TYPE_BOOL), IS("varchar"), MR_LEVEL_ERROR, "bool"},
        {COLUMN(.type = MR_TYPE_BOOL), DECIMAL(1, 0), MR_LEVEL_OK, ""},
        {COLUMN(.type = MR_TYPE_INT8), DECIMAL(3, 0), MR_LEVEL_OK, ""},
        {COLUMN(.type = MR_TYPE_INT8), DECIMAL(4, 2), MR_LEVEL_ERROR, "int8"},
        {COLUMN(.type = MR_TYPE_INT16), DECIMAL(4, 0), MR_LEVEL_ERROR, "int16"},
        {COLUMN(.type = MR_TYPE_UINT64), HAS("decimal", .precision = 20, .is_unsigned = true), MR_LEVEL_OK,
         ""},
        {COLUMN(.type = MR_TYPE_UINT64), HAS("decimal", .precision = 19, .is_unsigned = true), MR_LEVEL_ERROR,
         "uint64"},
    };
    LOOK(examples);
}

static void test_texts(void **state)
{
    (void)state;
    static const example examples[] = {
        {COLUMN(.type = MR_TYPE_STRING, .max_bytes = 20), TEXT("varchar", 20, 80), MR_LEVEL_OK, ""},
        {COLUMN(.type = MR_TYPE_STRING, .max_bytes = 20, .max_chars = 5), TEXT("varchar", 5, 20), MR_LEVEL_OK,
         ""},
        {COLUMN(.type = MR_TYPE_STRING, .max_bytes = 20, .max_chars = 5), TEXT("varchar", 4, 16),
         MR_LEVEL_ERROR, "takes 4 characters, the stream writes up to 5"},
        {COLUMN(.type = MR_TYPE_STRING, .max_bytes = 5, .max_chars = 20), TEXT("varchar", 5, 20), MR_LEVEL_OK,
         ""},
        {COLUMN(.type = MR_TYPE_STRING, .max_bytes = 20), TEXT("char", 20, 80), MR_LEVEL_WARNING,
         "column c is CHAR, which drops trailing blanks"},
        {COLUMN(.type = MR_TYPE_STRING, .max_bytes = 300), TEXT("tinytext", 255, 255), MR_LEVEL_ERROR,
         "takes 255 bytes, the stream writes up to 300"},
        {COLUMN(.type = MR_TYPE_STRING, .max_bytes = 20), IS("int"), MR_LEVEL_ERROR, "character column"},
        {COLUMN(.type = MR_TYPE_STRING, .max_bytes = 20), HAS("varbinary", .max_bytes = 20), MR_LEVEL_OK, ""},
        {COLUMN(.type = MR_TYPE_STRING, .max_bytes = 20), HAS("blob", .max_bytes = 19), MR_LEVEL_ERROR,
         "19 bytes"},
        {COLUMN(.type = MR_TYPE_STRING, .max_bytes = 20), HAS("binary", .max_bytes = 20), MR_LEVEL_ERROR,
         "character column"},
        {COLUMN(.type = MR_TYPE_JSON, .max_bytes = 20), IS("json"), MR_LEVEL_OK, ""},
        {COLUMN(.type = MR_TYPE_JSON, .max_bytes = 20),
         HAS("text", .max_bytes = 65535, .max_chars = 65535, .charset = "latin1"), MR_LEVEL_ERROR,
         "has the character set latin1, which cannot hold all of UTF-8"},
    };
    LOOK(examples);
}

static void test_binaries(void **state)
{
    (void)state;
    static const example examples[] = {
        {COLUMN(.type = MR_TYPE_BINARY, .max_bytes = 30), HAS("varbinary", .max_bytes = 30), MR_LEVEL_OK, ""},
        {COLUMN(.type = MR_TYPE_BINARY, .max_bytes = 30), HAS("longblob", .max_bytes = 4294967295),
         MR_LEVEL_OK, ""},
        {COLUMN(.type = MR_TYPE_BINARY, .max_bytes = 30), HAS("varbinary", .max_bytes = 29), MR_LEVEL_ERROR,
         "29 bytes"},
        {COLUMN(.type = MR_TYPE_BINARY, .max_bytes = 30), HAS("binary", .max_bytes = 30), MR_LEVEL_ERROR,
         "column c is binary, which pads values with zeros"},
        {COLUMN(.type = MR_TYPE_BINARY, .max_bytes = 30), TEXT("varchar", 30, 120), MR_LEVEL_ERROR,
         "binary column"},
        {COLUMN(.type = MR_TYPE_UUID), HAS("binary", .max_bytes = 16), MR_LEVEL_OK, ""},
        {COLUMN(.type = MR_TYPE_UUID), HAS("varbinary", .max_bytes = 16), MR_LEVEL_OK, ""},
        {COLUMN(.type = MR_TYPE_UUID), HAS("binary", .max_bytes = 17), MR_LEVEL_ERROR, "zeros"},
        {COLUMN(.type = MR_TYPE_UUID), HAS("binary", .max_bytes = 15), MR_LEVEL_ERROR, "15 bytes"},
        {COLUMN(.type = MR_TYPE_UUID), IS("uuid"), MR_LEVEL_ERROR, "BINARY(16)"},
        {COLUMN(.type = MR_TYPE_UUID), IS("bin"), MR_LEVEL_ERROR, "binary column"},
    };
    LOOK(examples);
}

static void test_times(void **state)
{
    (void)state;
    static const example examples[] = {
        {COLUMN(.type = MR_TYPE_DATETIME), DIGITS(6), MR_LEVEL_OK, ""},
        {COLUMN(.type = MR_TYPE_DATETIME), DIGITS(3), MR_LEVEL_ERROR,
         "keeps 3 digits of a second and would cut the stream's 6 without a warning"},
        {COLUMN(.type = MR_TYPE_DATETIME), HAS("timestamp", .fraction = 6), MR_LEVEL_WARNING,
         "column c is TIMESTAMP, which ends in 2038"},
        {COLUMN(.type = MR_TYPE_DATETIME), IS("date"), MR_LEVEL_ERROR, "DATETIME(6)"},
        {COLUMN(.type = MR_TYPE_DATE), IS("date"), MR_LEVEL_OK, ""},
        {COLUMN(.type = MR_TYPE_DATE), DIGITS(0), MR_LEVEL_OK, ""},
        {COLUMN(.type = MR_TYPE_DATE), IS("time"), MR_LEVEL_ERROR, "takes DATE"},
        {COLUMN(.type = MR_TYPE_TIME), HAS("time", .fraction = 6), MR_LEVEL_OK, ""},
        {COLUMN(.type = MR_TYPE_TIME), HAS("time", .fraction = 0), MR_LEVEL_ERROR, "0 digits of a second"},
        {COLUMN(.type = MR_TYPE_TIME), DIGITS(6), MR_LEVEL_ERROR, "TIME(6)"},
    };
    LOOK(examples);
}

static void test_numbers(void **state)
{
    (void)state;
    static const example examples[] = {
        {COLUMN(.type = MR_TYPE_DOUBLE), IS("double"), MR_LEVEL_OK, ""},
        {COLUMN(.type = MR_TYPE_DOUBLE), IS("float"), MR_LEVEL_ERROR, "DOUBLE"},
        {COLUMN(.type = MR_TYPE_DOUBLE),
         {.name = "c", .data_type = "double", .column_type = "double(10,2)"},
         MR_LEVEL_ERROR,
         "column c is double(10,2), which rounds"},
        {COLUMN(.type = MR_TYPE_DECIMAL, .precision = 12, .scale = 2), DECIMAL(12, 2), MR_LEVEL_OK, ""},
        {COLUMN(.type = MR_TYPE_DECIMAL, .precision = 12, .scale = 2), DECIMAL(14, 4), MR_LEVEL_OK, ""},
        {COLUMN(.type = MR_TYPE_DECIMAL, .precision = 12, .scale = 2), DECIMAL(12, 4), MR_LEVEL_ERROR,
         "narrower than the stream's DECIMAL(12,2): digits would be rounded away"},
        {COLUMN(.type = MR_TYPE_DECIMAL, .precision = 12, .scale = 2), DECIMAL(13, 1), MR_LEVEL_ERROR,
         "narrower"},
        {COLUMN(.type = MR_TYPE_DECIMAL, .precision = 12, .scale = 2),
         HAS("decimal", .precision = 12, .scale = 2, .is_unsigned = true), MR_LEVEL_ERROR, "narrower"},
        {COLUMN(.type = MR_TYPE_DECIMAL, .precision = 12, .scale = 2), IS("double"), MR_LEVEL_ERROR,
         "DECIMAL"},
    };
    LOOK(examples);
}

/* The KSUID's own column, and columns that the stream does not write. */
static void test_others(void **state)
{
    (void)state;
    static mr_column column = {.name = "c", .type = MR_TYPE_INT8, .value_json = "1"};
    static const struct {
        mr_table_column columns[3];
        const char *what; /* NULL: it fits */
    } tables[] = {
        {{ID, IS("tinyint"), {.name = "x", .nullable = true}}, NULL},
        {{ID, IS("tinyint"), {.name = "x", .has_default = true}}, NULL},
        {{ID, IS("tinyint"), {.name = "x", .is_generated = true}}, NULL},
        {{ID, IS("tinyint"), {.name = "x", .auto_increment = true}}, NULL},
        {{ID, IS("tinyint"), {.name = "x"}}, "x is NOT NULL without a default"},
        {{{.name = "ix", .nullable = true}, IS("tinyint"), {.name = "x", .nullable = true}},
         "there is no column id for the KSUID"},
        {{{.name = "ID", .data_type = "varbinary", .column_type = "varbinary(20)", .max_bytes = 20},
          IS("tinyint"),
          {.name = "x", .nullable = true}},
         "varbinary(20), but a KSUID takes BINARY(20)"},
        {{{.name = "id", .data_type = "binary", .column_type = "binary(16)", .max_bytes = 16},
          IS("tinyint"),
          {.name = "x", .nullable = true}},
         "binary(16)"},
    };
    mr_stream stream = {
        .table = "t", .id_ksuid = true, .id_column = "id", .columns = &column, .column_count = 1};
    mr_table_index primary = {
        .name = "PRIMARY", .unique = true, .primary = true, .columns = 1, .column = {"id"}};
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        mr_table_column columns[3];
        mr_findings findings = {0};
        memcpy(columns, tables[i].columns, sizeof columns);
        mr_table table = {.exists = true,
                          .engine = "innodb",
                          .columns = columns,
                          .column_count = 3,
                          .indexes = &primary,
                          .index_count = 1};
        mr_schema_compare(&stream, &table, "here", &findings);
        if (findings.count != (tables[i].what != NULL) ||
            (tables[i].what && !strstr(findings.at[0].what, tables[i].what)))
            fail_msg("table %zu: %zu findings: %s", i, findings.count,
                     findings.count ? findings.at[0].what : "");
        mr_findings_free(&findings);
    }
}

static void test_ddl(void **state)
{
    (void)state;
    mr_column columns[] = {
        {.name = "a", .type = MR_TYPE_STRING, .max_bytes = 100, .max_chars = 40, .required = true},
        {.name = "b", .type = MR_TYPE_STRING, .max_bytes = 5000},
        {.name = "c", .type = MR_TYPE_JSON, .max_bytes = 70000},
        {.name = "d", .type = MR_TYPE_DECIMAL, .precision = 12, .scale = 2},
        {.name = "e", .type = MR_TYPE_BINARY, .max_bytes = 16384},
        {.name = "f", .type = MR_TYPE_BINARY, .max_bytes = 65535},
        {.name = "g", .type = MR_TYPE_BINARY, .max_bytes = 65536},
        {.name = "h", .type = MR_TYPE_UINT64, .value_json = "1"},
        {.name = "i", .type = MR_TYPE_DATETIME},
        {.name = "j", .type = MR_TYPE_UUID},
    };
    mr_stream stream = {.table = "t",
                        .id_ksuid = true,
                        .id_column = "i`d",
                        .columns = columns,
                        .column_count = sizeof columns / sizeof columns[0]};
    char text[2048];
    mr_buf out = mr_buf_over(text, sizeof text);
    mr_schema_ddl(&stream, &out);
    assert_string_equal(text, "CREATE TABLE `t` (\n"
                              "  `i``d` BINARY(20) NOT NULL,\n"
                              "  `a` VARCHAR(40) NOT NULL,\n"
                              "  `b` TEXT NULL,\n"
                              "  `c` MEDIUMTEXT NULL,\n"
                              "  `d` DECIMAL(12,2) NULL,\n"
                              "  `e` VARBINARY(16384) NULL,\n"
                              "  `f` BLOB NULL,\n"
                              "  `g` MEDIUMBLOB NULL,\n"
                              "  `h` BIGINT UNSIGNED NOT NULL,\n"
                              "  `i` DATETIME(6) NULL,\n"
                              "  `j` BINARY(16) NULL,\n"
                              "  PRIMARY KEY (`i``d`)\n"
                              ") ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers), cmocka_unit_test(test_texts),   cmocka_unit_test(test_binaries),
        cmocka_unit_test(test_times),    cmocka_unit_test(test_numbers), cmocka_unit_test(test_others),
        cmocka_unit_test(test_ddl),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
