#include "stages/dberror.h"

#include <stddef.h>
#include <string.h>

/* One row for each class, in the order of the design's table. */
static const struct {
    mr_db_class db_class;
    unsigned codes[48];
} classes[] = {
    {MR_DB_TRANSIENT, {1213, 1020, 1614, 3101, 1180, 1047, 1205, 1317, 1969, 3024}},
    {MR_DB_CONNECTION, {2002, 2003, 2005, 2012, 1040, 1203, 1226, 1129, 1053}},
    {MR_DB_AMBIGUOUS,
     {2006, 2013, 2055, 2027, 1077, 1078, 1079, 1927, 3032, 3169, 4031, 1158, 1159, 1160, 1161}},
    {MR_DB_READ_ONLY, {1290, 1792, 1836}},
    {MR_DB_RESOURCE, {1021, 1114, 1030, 1037, 1041, 1206, 2008}},
    {MR_DB_SHARD_FATAL,
     {1044, 1045, 1049, 1054, 1064, 1130, 1136, 1142, 1143, 1146, 1364, 1698, 1820, 1862, 2026, 2059, 2061,
      3118, 4151}},
    {MR_DB_TOO_BIG, {1153, 1390, 2020}},
    {MR_DB_STATEMENT, {1243, 1412, 1615}},
    {MR_DB_ROW_POISON,
     {1048, 1062, 1264, 1265, 1292, 1300, 1366, 1406, 1452, 1526, 1644, 1690, 3140, 3141, 3150, 3156, 3157,
      3819, 4025}},
};

static mr_db_class class_of(unsigned code)
{
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
        for (const unsigned *at = classes[i].codes; *at; at++)
            if (*at == code)
                return classes[i].db_class;
    return MR_DB_UNKNOWN;
}

mr_db_class mr_db_classify(unsigned code, mr_db_phase phase, const char *text)
{
    if (code == 0)
        return MR_DB_OK;
    /* Nobody knows whether a commit that failed was done. */
    if (phase == MR_DB_AT_COMMIT)
        return MR_DB_AMBIGUOUS;
    /* TLS: at connect the shard is set up wrong, later the connection broke. */
    if (code == 2026)
        return phase == MR_DB_AT_CONNECT ? MR_DB_SHARD_FATAL : MR_DB_AMBIGUOUS;
    /* 1290 names an option; only the read-only ones mean a failover. */
    if (code == 1290 && !(text && (strstr(text, "read-only") || strstr(text, "read_only"))))
        return MR_DB_SHARD_FATAL;
    mr_db_class db_class = class_of(code);
    if (phase != MR_DB_AT_CONNECT)
        return db_class;
    /* While connecting nothing was sent that could be in doubt, and no row that could be at fault. */
    if (db_class == MR_DB_AMBIGUOUS)
        return MR_DB_CONNECTION;
    return db_class == MR_DB_ROW_POISON || db_class == MR_DB_UNKNOWN ? MR_DB_SHARD_FATAL : db_class;
}

const char *mr_db_class_name(mr_db_class db_class)
{
    static const char *const names[MR_DB_CLASS_COUNT] = {
        "ok",          "transient", "connection", "ambiguous",  "read_only", "resource",
        "shard_fatal", "too_big",   "statement",  "row_poison", "unknown"};
    return names[db_class];
}

bool mr_db_class_keeps_connection(mr_db_class db_class)
{
    switch (db_class) {
    case MR_DB_OK:
    case MR_DB_TRANSIENT:
    case MR_DB_RESOURCE:
    case MR_DB_STATEMENT:
    case MR_DB_ROW_POISON:
    case MR_DB_UNKNOWN:
        return true;
    default:
        return false;
    }
}
