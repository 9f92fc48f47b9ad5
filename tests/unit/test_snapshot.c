/* Commit metadata, and who may go on from which commit. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "stages/snapshot.h"

/* ---- metadata ---- */

static mr_mark parse(const char *text, int64_t committed, mr_snapshot *snapshot)
{
    return mr_snapshot_parse(text, strlen(text), committed, snapshot);
}

static void test_format(void **unused)
{
    (void)unused;
    char text[MR_METADATA_MAX + 1];
    mr_snapshot some = {.offset = 12345, .fingerprint = 0xabcdef, .clean = true};
    const char *said = "mr1.0000000000abcdef.clean.12345.";
    assert_int_equal(mr_snapshot_format(&some, text, sizeof text), strlen(said));
    assert_string_equal(text, said);
    some = (mr_snapshot){.offset = 0, .fingerprint = UINT64_MAX, .clean = false};
    mr_snapshot_format(&some, text, sizeof text);
    assert_string_equal(text, "mr1.ffffffffffffffff.dirty.0.");
    some = (mr_snapshot){
        .offset = 900, .fingerprint = 0xaa, .entry_count = 1, .entry = {{0xa, 0, MR_RANGE_OPEN}}};
    mr_snapshot_format(&some, text, sizeof text);
    assert_string_equal(text, "mr1.00000000000000aa.dirty.900.p:0000000a:0");
    some = (mr_snapshot){.offset = 900,
                         .fingerprint = 0xaa,
                         .clean = true,
                         .entry_count = 3,
                         .entry = {{0xffffffff, 100, 200}, {0x0badcafe, 300, MR_RANGE_OPEN}, {0, 0, 1}}};
    size_t len = mr_snapshot_format(&some, text, sizeof text);
    said = "mr1.00000000000000aa.clean.900.r:00000000:0:1,p:0badcafe:300,r:ffffffff:100:200";
    assert_string_equal(text, said);
    assert_int_equal(len, strlen(said));
}

/* The broker takes 4,096 bytes. */
static void test_longest(void **unused)
{
    (void)unused;
    char text[MR_METADATA_MAX + 1];
    mr_snapshot all = {.offset = INT64_MAX, .fingerprint = UINT64_MAX, .entry_count = MR_SHARDS_MAX}, is;
    for (uint32_t i = 0; i < MR_SHARDS_MAX; i++) /* the largest `to` of a range that does not grow */
        all.entry[i] = (mr_snapshot_entry){UINT32_MAX - i, INT64_MAX - 2, INT64_MAX - 1};
    size_t len = mr_snapshot_format(&all, text, sizeof text);
    assert_int_equal(len, 4 + 16 + 7 + 19 + 1 + 64 * 50 + 63);
    assert_int_equal(len, strlen(text));
    assert_true(len <= 4096);
    assert_int_equal(mr_snapshot_parse(text, len, INT64_MAX, &is), MR_MARK_OURS);
    assert_int_equal(is.entry_count, MR_SHARDS_MAX);
    /* one shard more than there can be */
    snprintf(text + len, sizeof text - len, ",p:00000000:1");
    assert_int_equal(mr_snapshot_parse(text, strlen(text), INT64_MAX, &is), MR_MARK_BROKEN);
    assert_int_equal(is.entry_count, 0);
}

static void test_round_trip(void **unused)
{
    (void)unused;
    static const int64_t offsets[] = {0, 1, 9, 10, 4294967296, INT64_MAX - 1, INT64_MAX};
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++)
        for (int clean = 0; clean < 2; clean++) {
            char text[128];
            mr_snapshot was = {.offset = offsets[i],
                               .fingerprint = 0x0123456789abcdef ^ (uint64_t)i,
                               .clean = clean},
                        is;
            size_t len = mr_snapshot_format(&was, text, sizeof text);
            assert_int_equal(mr_snapshot_parse(text, len, offsets[i], &is), MR_MARK_OURS);
            assert_int_equal(is.offset, was.offset);
            assert_int_equal(is.fingerprint, was.fingerprint);
            assert_int_equal(is.clean, was.clean);
            assert_int_equal(mr_snapshot_parse(text, len, offsets[i] ^ 1, &is), MR_MARK_BROKEN);
            assert_false(is.clean);
            for (size_t cut = 4; cut < len; cut++) /* from "mr1." on: ours, but not whole */
                assert_int_equal(mr_snapshot_parse(text, cut, offsets[i], &is), MR_MARK_BROKEN);
        }
}

/* ---- random snapshots ---- */

static uint64_t random_state;

static uint64_t draw(void)
{
    random_state += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
    uint64_t z = random_state;
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* Of any length, short ones as often as long ones. */
static int64_t draw_offset(void)
{
    return (int64_t)(draw() >> (1 + draw() % 63));
}

static bool has_shard(const mr_snapshot *snapshot, uint32_t shard)
{
    for (uint32_t i = 0; i < snapshot->entry_count; i++)
        if (snapshot->entry[i].shard == shard)
            return true;
    return false;
}

static void draw_snapshot(mr_snapshot *snapshot)
{
    *snapshot = (mr_snapshot){.offset = draw_offset(), .fingerprint = draw(), .clean = draw() & 1};
    uint32_t count = (uint32_t)(draw() % (MR_SHARDS_MAX + 1));
    uint32_t mask = draw() & 1 ? UINT32_MAX : 127; /* neighbours as well */
    while (snapshot->entry_count < count) {
        mr_snapshot_entry entry = {(uint32_t)draw() & mask, draw_offset() / 2, MR_RANGE_OPEN};
        if (draw() & 1)
            entry.to = entry.from + 1 + draw_offset() / 4;
        if (!has_shard(snapshot, entry.shard))
            snapshot->entry[snapshot->entry_count++] = entry;
    }
}

static int by_shard(const void *a, const void *b)
{
    const mr_snapshot_entry *one = a, *other = b;
    return one->shard < other->shard ? -1 : one->shard > other->shard;
}

static void assert_same(const mr_snapshot *a, const mr_snapshot *b)
{
    assert_int_equal(a->offset, b->offset);
    assert_int_equal(a->fingerprint, b->fingerprint);
    assert_int_equal(a->clean, b->clean);
    assert_int_equal(a->entry_count, b->entry_count);
    for (uint32_t i = 0; i < a->entry_count; i++) {
        assert_int_equal(a->entry[i].shard, b->entry[i].shard);
        assert_int_equal(a->entry[i].from, b->entry[i].from);
        assert_int_equal(a->entry[i].to, b->entry[i].to);
    }
}

/* Against a text that is put together here, from entries that are sorted here. */
static void test_random(void **unused)
{
    (void)unused;
    const char *seed = getenv("MILLRACE_SEED");
    random_state = seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
    print_message("seed %llu\n", (unsigned long long)random_state);
    for (int i = 0; i < 5000; i++) {
        char text[MR_METADATA_MAX + 1], wanted[MR_METADATA_MAX + 1];
        mr_snapshot was, is;
        draw_snapshot(&was);
        size_t len = mr_snapshot_format(&was, text, sizeof text);
        qsort(was.entry, was.entry_count, sizeof *was.entry, by_shard);
        int put = snprintf(wanted, sizeof wanted, "mr1.%016" PRIx64 ".%s.%" PRId64 ".", was.fingerprint,
                           was.clean ? "clean" : "dirty", was.offset);
        for (uint32_t e = 0; e < was.entry_count; e++) {
            const mr_snapshot_entry *one = &was.entry[e];
            size_t room = sizeof wanted - (size_t)put;
            const char *comma = e ? "," : "";
            if (one->to == INT64_MAX)
                put +=
                    snprintf(wanted + put, room, "%sp:%08" PRIx32 ":%" PRId64, comma, one->shard, one->from);
            else
                put += snprintf(wanted + put, room, "%sr:%08" PRIx32 ":%" PRId64 ":%" PRId64, comma,
                                one->shard, one->from, one->to);
        }
        assert_string_equal(text, wanted);
        assert_int_equal(len, put);
        assert_int_equal(mr_snapshot_parse(text, len, was.offset, &is), MR_MARK_OURS);
        assert_same(&is, &was);
        /* A text that was cut is not taken for what it was. */
        size_t cut = draw() % len;
        mr_mark mark = mr_snapshot_parse(text, cut, was.offset, &is);
        assert_true(mark != MR_MARK_NEWER && (mark == MR_MARK_OURS || is.entry_count == 0));
        if (mark == MR_MARK_OURS)
            assert_int_not_equal(mr_snapshot_format(&is, wanted, sizeof wanted), len);
    }
}

static void test_marks(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        mr_mark mark;
    } all[] = {
        {"mr1.00000000000000ff.clean.7.", MR_MARK_OURS},
        {"", MR_MARK_FOREIGN},
        {"m", MR_MARK_FOREIGN},
        {"mr", MR_MARK_FOREIGN},
        {"mr1", MR_MARK_FOREIGN},
        {"mr.1", MR_MARK_FOREIGN},
        {"mr01.00000000000000ff.clean.7.", MR_MARK_FOREIGN},
        {"MR1.00000000000000ff.clean.7.", MR_MARK_FOREIGN},
        {" mr1.00000000000000ff.clean.7.", MR_MARK_FOREIGN},
        {"checkpoint 7", MR_MARK_FOREIGN},
        {"{\"mr1.\":1}", MR_MARK_FOREIGN},
        {"mr2.00000000000000ff.clean.7.", MR_MARK_NEWER},
        {"mr2.", MR_MARK_NEWER},
        {"mr10.x", MR_MARK_NEWER},
        {"mr99999999999999999999.x", MR_MARK_NEWER},
        {"mr1.00000000000000ff.dirty.7..", MR_MARK_NEWER},
        {"mr1.", MR_MARK_BROKEN},
        {"mr1.00000000000000f.clean.7.", MR_MARK_BROKEN},
        {"mr1.00000000000000FF.clean.7.", MR_MARK_BROKEN},
        {"mr1.00000000000000fff.clean.7.", MR_MARK_BROKEN},
        {"mr1.00000000000000ff.CLEAN.7.", MR_MARK_BROKEN},
        {"mr1.00000000000000ff.tidy.7.", MR_MARK_BROKEN},
        {"mr1.00000000000000ff.clean.8.", MR_MARK_BROKEN},
        {"mr1.00000000000000ff.clean.07.", MR_MARK_BROKEN},
        {"mr1.00000000000000ff.clean.+7.", MR_MARK_BROKEN},
        {"mr1.00000000000000ff.clean.-7.", MR_MARK_BROKEN},
        {"mr1.00000000000000ff.clean. 7.", MR_MARK_BROKEN},
        {"mr1.00000000000000ff.clean..", MR_MARK_BROKEN},
        {"mr1.00000000000000ff.clean.7", MR_MARK_BROKEN},
        {"mr1.00000000000000ff.clean.7 ", MR_MARK_BROKEN},
        {"mr1.00000000000000ff.clean.9223372036854775808.", MR_MARK_BROKEN},
        {"mr1.00000000000000ff.clean.18446744073709551623.", MR_MARK_BROKEN}, /* 2^64 + 7 */
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        mr_snapshot snapshot;
        mr_mark mark = parse(all[i].text, 7, &snapshot);
        if (mark != all[i].mark)
            fail_msg("%s: %d and not %d", all[i].text, mark, all[i].mark);
        assert_int_equal(snapshot.offset, 7);
        assert_int_equal(snapshot.clean, mark == MR_MARK_OURS);
    }
    mr_snapshot snapshot;
    assert_int_equal(mr_snapshot_parse(NULL, 0, 7, &snapshot), MR_MARK_FOREIGN);
    assert_int_equal(mr_snapshot_parse("mr1.00000000000000ff.clean.7.\0", 30, 7, &snapshot), MR_MARK_NEWER);
}

/* ---- entries ---- */

static void test_entry_marks(void **unused)
{
    (void)unused;
    static const struct {
        const char *entries;
        mr_mark mark;
    } all[] = {
        {"p:0000000a:0", MR_MARK_OURS},
        {"p:0000000a:3", MR_MARK_OURS},
        {"p:0000000a:8", MR_MARK_OURS}, /* above the offset */
        {"p:0000000a:9223372036854775806", MR_MARK_OURS},
        {"r:0000000a:3:4", MR_MARK_OURS},
        {"r:0000000a:0:9223372036854775806", MR_MARK_OURS},
        {"p:0000000b:3,p:0000000a:3", MR_MARK_OURS}, /* in any order */
        {"p:0000000a:3,r:ffffffff:1:2,p:00000000:0", MR_MARK_OURS},
        /* a kind that parses badly */
        {"p", MR_MARK_BROKEN},
        {"r", MR_MARK_BROKEN},
        {"p:", MR_MARK_BROKEN},
        {"p:0000000a", MR_MARK_BROKEN},
        {"p:0000000a:", MR_MARK_BROKEN},
        {"p:0000000:3", MR_MARK_BROKEN},
        {"p:000000000a:3", MR_MARK_BROKEN},
        {"p:0000000g:3", MR_MARK_BROKEN},
        {"p:0000000A:3", MR_MARK_BROKEN},
        {"p:0x00000a:3", MR_MARK_BROKEN},
        {"p:0000000a:03", MR_MARK_BROKEN},
        {"p:0000000a:+3", MR_MARK_BROKEN},
        {"p:0000000a:-3", MR_MARK_BROKEN},
        {"p:0000000a: 3", MR_MARK_BROKEN},
        {"p:0000000a:3 ", MR_MARK_BROKEN},
        {"p:0000000a:3.", MR_MARK_BROKEN},
        {"p:0000000a:3:", MR_MARK_BROKEN},
        {"p:0000000a:3:4", MR_MARK_BROKEN},
        {"p:0000000a:9223372036854775807", MR_MARK_BROKEN}, /* an empty range */
        {"p:0000000a:9223372036854775808", MR_MARK_BROKEN},
        {"p:0000000a:18446744073709551619", MR_MARK_BROKEN}, /* 2^64 + 3 */
        {"r:0000000a:3", MR_MARK_BROKEN},
        {"r:0000000a:3:", MR_MARK_BROKEN},
        {"r:0000000a:3:3", MR_MARK_BROKEN},
        {"r:0000000a:3:2", MR_MARK_BROKEN},
        {"r:0000000a:3:04", MR_MARK_BROKEN},
        {"r:0000000a:3:4:5", MR_MARK_BROKEN},
        {"r:0000000a:3:9223372036854775807", MR_MARK_BROKEN}, /* that would be p */
        {"r:0000000a:3:99999999999999999999", MR_MARK_BROKEN},
        {"r:0000000a::4", MR_MARK_BROKEN},
        {":0000000a:3:4", MR_MARK_BROKEN},
        {":", MR_MARK_BROKEN},
        /* commas */
        {",", MR_MARK_BROKEN},
        {"p:0000000a:3,", MR_MARK_BROKEN},
        {",p:0000000a:3", MR_MARK_BROKEN},
        {"p:0000000a:3,,p:0000000b:3", MR_MARK_BROKEN},
        {"p:0000000a:3;p:0000000b:3", MR_MARK_BROKEN},
        /* two of one shard, side by side or not */
        {"p:0000000a:3,p:0000000a:3", MR_MARK_BROKEN},
        {"p:0000000a:3,r:0000000a:1:2", MR_MARK_BROKEN},
        {"p:0000000a:3,p:0000000b:3,p:0000000a:5", MR_MARK_BROKEN},
        /* kinds that are not known */
        {"q:0000000a:3", MR_MARK_NEWER},
        {"P:0000000a:3", MR_MARK_NEWER},
        {"pp:0000000a:3", MR_MARK_NEWER},
        {"parked:0000000a:3", MR_MARK_NEWER},
        {"zz", MR_MARK_NEWER},
        {"p0000000a:3", MR_MARK_NEWER},
        {" p:0000000a:3", MR_MARK_NEWER},
        {"p:0000000a:3,zz:1", MR_MARK_NEWER},
        {"p:0000000a:3,zz:1,", MR_MARK_NEWER},
        {"zz:1,p:0000000a:3", MR_MARK_NEWER},
        {"p:broken,zz:1", MR_MARK_NEWER},
        {"p:0000000a:3,p:0000000a:3,zz:1", MR_MARK_NEWER},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char text[128];
        mr_snapshot snapshot;
        snprintf(text, sizeof text, "mr1.00000000000000ff.clean.7.%s", all[i].entries);
        mr_mark mark = parse(text, 7, &snapshot);
        if (mark != all[i].mark)
            fail_msg("%s: %d and not %d", all[i].entries, mark, all[i].mark);
        assert_int_equal(snapshot.offset, 7);
        assert_int_equal(snapshot.clean, mark == MR_MARK_OURS);
        assert_int_equal(snapshot.fingerprint, mark == MR_MARK_OURS ? 0xff : 0);
        assert_int_equal(snapshot.entry_count > 0, mark == MR_MARK_OURS);
    }
}

static void test_entries_read(void **unused)
{
    (void)unused;
    mr_snapshot is;
    static const mr_snapshot wanted = {
        .offset = 900,
        .fingerprint = 0xff,
        .entry_count = 3,
        .entry = {{0xfedcba98, 300, INT64_MAX}, {0x76543210, 100, 200}, {5, 0, INT64_MAX}}};
    assert_int_equal(
        parse("mr1.00000000000000ff.dirty.900.p:fedcba98:300,r:76543210:100:200,p:00000005:0", 900, &is),
        MR_MARK_OURS);
    assert_same(&is, &wanted);
}

/* The text of an entry is what lies between the places that the iterator stops at. */
static void test_next_entry(void **unused)
{
    (void)unused;
    static const char text[] = "p:0000000a:3,r:0000000a:1:2,q:1,p:oops,p:0000000b:4,";
    static const struct {
        size_t next;
        mr_mark mark;
        mr_snapshot_entry entry;
    } steps[] = {{13, MR_MARK_OURS, {10, 3, INT64_MAX}},
                 {28, MR_MARK_OURS, {10, 1, 2}},
                 {32, MR_MARK_NEWER, {0, 0, 0}},
                 {39, MR_MARK_BROKEN, {0, 0, 0}},
                 {52, MR_MARK_BROKEN, {0, 0, 0}}};
    const char *at = text, *end = text + sizeof text - 1;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        mr_snapshot_entry entry;
        assert_int_equal(mr_snapshot_next_entry(&at, end, &entry), steps[i].mark);
        assert_int_equal(at - text, steps[i].next);
        assert_int_equal(entry.shard, steps[i].entry.shard);
        assert_int_equal(entry.from, steps[i].entry.from);
        assert_int_equal(entry.to, steps[i].entry.to);
    }
    assert_ptr_equal(at, end);
}

static void test_shards(void **unused)
{
    (void)unused;
    mr_shard shards[2] = {{.name = "s0"}, {.name = "s1"}};
    mr_config config = {.shards = shards, .shard_count = 2};
    assert_int_equal(mr_shard_hash(""), 0x811c9dc5); /* of the published vectors */
    assert_int_equal(mr_shard_hash("foobar"), 0xbf9cf968);
    assert_int_equal(mr_snapshot_shard(&config, mr_shard_hash("s0")), 0);
    assert_int_equal(mr_snapshot_shard(&config, mr_shard_hash("s1")), 1);
    assert_int_equal(mr_snapshot_shard(&config, mr_shard_hash("s2")), -1);
    config.shard_count = 1;
    assert_int_equal(mr_snapshot_shard(&config, mr_shard_hash("s1")), -1);
}

/* ---- takeover ---- */

/* A commit of fingerprint 5 or 6, clean or not, with no entry, one of a shard that is there, or one more of another shard. */
static mr_takeover decide(int mark, bool same, bool clean, uint32_t entries, bool accept, const char **why)
{
    mr_shard shards[2] = {{.name = "s0"}, {.name = "s1"}};
    mr_config config = {.shards = shards, .shard_count = 2, .kafka.foreign_offsets_accept = accept};
    mr_snapshot snapshot = {.offset = 1,
                            .fingerprint = same ? 5 : 6,
                            .clean = clean,
                            .entry_count = entries,
                            .entry = {{mr_shard_hash("s1"), 0, 1}, {mr_shard_hash("s2"), 0, 1}}};
    *why = NULL;
    mr_takeover is = mr_takeover_decide((mr_mark)mark, &snapshot, &config, 5, why);
    assert_non_null(*why);
    assert_int_equal(**why == 0, is == MR_TAKEOVER_GO_ON);
    assert_int_equal(strstr(*why, ": ") == NULL, is == MR_TAKEOVER_GO_ON); /* what is wrong: what to do */
    return is;
}

static void test_takeover(void **unused)
{
    (void)unused;
    const char *why;
    for (int all = 0; all < 8; all++) {
        bool same = all & 1, clean = all & 2, accept = all & 4;
        for (uint32_t entries = 0; entries <= 2; entries++) {
            bool go_on = same ? entries < 2 : clean && entries == 0;
            assert_int_equal(decide(MR_MARK_OURS, same, clean, entries, accept, &why),
                             go_on ? MR_TAKEOVER_GO_ON : MR_TAKEOVER_HOLD);
        }
        assert_int_equal(decide(MR_MARK_FOREIGN, same, clean, 0, accept, &why),
                         accept ? MR_TAKEOVER_GO_ON : MR_TAKEOVER_HOLD);
        assert_int_equal(decide(MR_MARK_NEWER, same, clean, 0, accept, &why), MR_TAKEOVER_HOLD);
        assert_int_equal(decide(MR_MARK_BROKEN, same, clean, 0, accept, &why), MR_TAKEOVER_HOLD);
    }
}

/* Each case says what to do in it. */
static void test_why(void **unused)
{
    (void)unused;
    const char *why;
    for (int clean = 0; clean < 2; clean++) {
        decide(MR_MARK_OURS, false, clean, 1, false, &why);
        assert_non_null(strstr(why, "shards are parked below the committed offset"));
        assert_non_null(strstr(why, "until they are replayed and it has stopped cleanly"));
        decide(MR_MARK_OURS, true, clean, 2, false, &why);
        assert_non_null(
            strstr(why, "damaged, it names a parked shard that its own configuration does not have"));
        assert_non_null(strstr(why, "millrace offsets"));
    }
    decide(MR_MARK_OURS, false, false, 0, false, &why);
    assert_null(strstr(why, "parked"));
    assert_non_null(strstr(why, "until it has stopped cleanly"));
    decide(MR_MARK_FOREIGN, false, false, 0, false, &why);
    assert_non_null(strstr(why, "does not carry millrace's mark"));
    assert_non_null(strstr(why, "kafka.foreign_offsets"));
    decide(MR_MARK_NEWER, false, false, 0, false, &why);
    assert_non_null(strstr(why, "newer release"));
    decide(MR_MARK_BROKEN, false, false, 0, false, &why);
    assert_non_null(strstr(why, "damaged or belongs to another offset"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format),       cmocka_unit_test(test_longest),
        cmocka_unit_test(test_round_trip),   cmocka_unit_test(test_random),
        cmocka_unit_test(test_marks),        cmocka_unit_test(test_entry_marks),
        cmocka_unit_test(test_entries_read), cmocka_unit_test(test_next_entry),
        cmocka_unit_test(test_shards),       cmocka_unit_test(test_takeover),
        cmocka_unit_test(test_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
