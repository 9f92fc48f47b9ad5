/* What a commit says, and what may be put in its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "stages/offsets.h"

#define RULES UINT64_C(0x00000000000000aa)
#define OURS  "mr1.00000000000000aa."
#define ELSE  "mr1.00000000000000bb."

static const mr_offsets_allowed nothing = {false, false};
static const mr_offsets_allowed drop = {true, false};
static const mr_offsets_allowed force = {false, true};

static mr_offsets_mark read_text(const char *text, int64_t committed)
{
    return mr_offsets_read(text, strlen(text), committed, RULES);
}

static void test_states(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t committed;
        mr_offsets_state state;
    } cases[] = {
        {"", -1, MR_OFFSETS_NONE},
        {"", 5, MR_OFFSETS_FOREIGN},
        {"something", 5, MR_OFFSETS_FOREIGN},
        {OURS "clean.5.", 5, MR_OFFSETS_CLEAN},
        {OURS "dirty.5.", 5, MR_OFFSETS_DIRTY},
        {ELSE "clean.5.", 5, MR_OFFSETS_OTHER},
        {OURS "clean.5.", 6, MR_OFFSETS_BROKEN},
        {OURS "clean.5", 5, MR_OFFSETS_BROKEN},
        {"mr2.x.y", 5, MR_OFFSETS_NEWER},
        {OURS "dirty.5.p:0000000a:3", 5, MR_OFFSETS_DIRTY},
        {OURS "dirty.5.p:0000000a:3,r:ffffffff:1:2", 5, MR_OFFSETS_DIRTY},
        {OURS "dirty.5.q:0000000a:3", 5, MR_OFFSETS_NEWER},
        {OURS "dirty.5.p:0000000a:3,zz:1", 5, MR_OFFSETS_NEWER},
        {OURS "dirty.5.p:0000000:3,zz:1", 5, MR_OFFSETS_NEWER},
        {OURS "dirty.5.p:0000000:3", 5, MR_OFFSETS_BROKEN},
        {OURS "dirty.5.p:0000000g:3", 5, MR_OFFSETS_BROKEN},
        {OURS "dirty.5.p:0000000a:03", 5, MR_OFFSETS_BROKEN},
        {OURS "dirty.5.p:0000000a:3:4", 5, MR_OFFSETS_BROKEN},
        {OURS "dirty.5.r:0000000a:3", 5, MR_OFFSETS_BROKEN},
        {OURS "dirty.5.r:0000000a:3:3", 5, MR_OFFSETS_BROKEN},
        {OURS "dirty.5.r:0000000a:3:99999999999999999999", 5, MR_OFFSETS_BROKEN},
        {OURS "dirty.5.p:0000000a:3,", 5, MR_OFFSETS_BROKEN},
        {OURS "dirty.5.,p:0000000a:3", 5, MR_OFFSETS_BROKEN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mr_offsets_mark mark = read_text(cases[i].text, cases[i].committed);
        if (mark.state != cases[i].state)
            fail_msg("%s: %s", cases[i].text, mr_offsets_state_name(mark.state));
        assert_int_equal(mark.known, mark.state == MR_OFFSETS_CLEAN || mark.state == MR_OFFSETS_DIRTY ||
                                         mark.state == MR_OFFSETS_OTHER);
    }
}

static void test_entries(void **state)
{
    (void)state;
    mr_offsets_mark mark = read_text(OURS "dirty.900.p:0000000a:300,r:ffffffff:100:200", 900);
    mr_snapshot_entry entry;
    size_t at = 0;
    assert_true(mr_offsets_next(&mark, &at, &entry));
    assert_int_equal(entry.shard, 10);
    assert_int_equal(entry.from, 300);
    assert_true(entry.to == MR_RANGE_OPEN);
    assert_true(mr_offsets_next(&mark, &at, &entry));
    assert_int_equal(entry.shard, 0xffffffff);
    assert_int_equal(entry.from, 100);
    assert_int_equal(entry.to, 200);
    assert_false(mr_offsets_next(&mark, &at, &entry));
}

/* ---- reset ---- */

static mr_offsets_place place_of(const char *metadata, int64_t committed)
{
    return (mr_offsets_place){
        .low = 100, .end = 1000, .committed = committed, .metadata = metadata, .len = strlen(metadata)};
}

static mr_offsets_change reset(const char *metadata, int64_t committed, int64_t to,
                               mr_offsets_allowed allowed)
{
    mr_offsets_change change;
    mr_offsets_place place = place_of(metadata, committed);
    mr_offsets_reset(&place, to, RULES, allowed, &change);
    return change;
}

#define assert_written(change, text) assert_string_equal((change).metadata, text)

static void test_reset_clean_only_when_true(void **state)
{
    (void)state;
    mr_offsets_change change = reset(OURS "clean.500.", 500, 400, nothing);
    assert_int_equal(change.refusal, MR_OFFSETS_ALLOWED);
    assert_written(change, OURS "dirty.400."); /* rows from 400 to 500 are there */
    assert_int_equal(change.again, 100);
    assert_int_equal(change.skipped, 0);
    change = reset(OURS "clean.500.", 500, 600, nothing);
    assert_written(change, OURS "clean.600."); /* nothing is there from 500 on */
    assert_int_equal(change.skipped, 100);
    change = reset(OURS "dirty.500.", 500, 600, nothing);
    assert_written(change, OURS "dirty.600.");
    change = reset(OURS "dirty.500.", 500, 1000, nothing);
    assert_written(change, OURS "clean.1000."); /* nothing is there at all */
    change = reset("", 500, 600, nothing);
    assert_written(change, OURS "dirty.600.");
    change = reset("", -1, 100, nothing);
    assert_written(change, OURS "dirty.100.");
    assert_int_equal(change.again, 0);
    assert_int_equal(change.skipped, 0);
    change = reset(OURS "dirty.500.", 500, 500, nothing);
    assert_true(change.same);
    /* What has vanished from the log is not skipped by the reset. */
    change = reset(OURS "clean.50.", 50, 150, nothing);
    assert_int_equal(change.skipped, 50);
}

static void test_reset_within_the_log(void **state)
{
    (void)state;
    assert_int_equal(reset(OURS "clean.500.", 500, 99, nothing).refusal, MR_OFFSETS_RANGE);
    assert_int_equal(reset(OURS "clean.500.", 500, 1001, nothing).refusal, MR_OFFSETS_RANGE);
    assert_int_equal(reset(OURS "clean.500.", 500, 100, nothing).refusal, MR_OFFSETS_ALLOWED);
    assert_int_equal(reset(OURS "clean.500.", 500, 1000, nothing).refusal, MR_OFFSETS_ALLOWED);
}

static void test_reset_keeps_parked(void **state)
{
    (void)state;
    static const char parked[] = OURS "dirty.500.p:0000000a:300,r:0000000b:200:250";
    mr_offsets_change change = reset(parked, 500, 450, nothing);
    assert_int_equal(change.refusal, MR_OFFSETS_ALLOWED);
    assert_written(change, OURS "dirty.450.p:0000000a:300,r:0000000b:200:250");
    assert_int_equal(change.kept, 2);
    change = reset(parked, 500, 800, nothing); /* forward as well: they are replayed from below */
    assert_written(change, OURS "dirty.800.p:0000000a:300,r:0000000b:200:250");
    change = reset(parked, 500, 300, nothing); /* what begins at or above is read again */
    assert_written(change, OURS "dirty.300.r:0000000b:200:250");
    assert_int_equal(change.refusal, MR_OFFSETS_ALLOWED);
    assert_int_equal(change.reread, 1);
    change = reset(parked, 500, 220, nothing); /* a range over the offset is kept whole */
    assert_written(change, OURS "dirty.220.r:0000000b:200:250");
    change = reset(parked, 500, 800, drop);
    assert_int_equal(change.refusal, MR_OFFSETS_ALLOWED);
    assert_written(change, OURS "dirty.800.");
    assert_int_equal(change.dropped, 2);
    assert_int_equal(change.forgotten, 200 + 50);
    change = reset(parked, 500, 100, drop);
    assert_int_equal(change.dropped, 0);
}

static void test_reset_of_the_unknown(void **state)
{
    (void)state;
    static const char *const texts[] = {"mr2.x", OURS "dirty.500.q:1", OURS "dirty.501."};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(reset(texts[i], 500, 500, nothing).refusal, MR_OFFSETS_UNKNOWN);
        assert_int_equal(reset(texts[i], 500, 500, force).refusal, MR_OFFSETS_UNKNOWN);
        mr_offsets_change change = reset(texts[i], 500, 500, drop);
        assert_int_equal(change.refusal, MR_OFFSETS_ALLOWED);
        assert_written(change, OURS "dirty.500.");
    }
}

static void test_reset_over_other_rules(void **state)
{
    (void)state;
    assert_int_equal(reset(ELSE "dirty.500.", 500, 500, nothing).refusal, MR_OFFSETS_RULES);
    assert_int_equal(reset(ELSE "clean.500.", 500, 400, nothing).refusal, MR_OFFSETS_RULES);
    assert_int_equal(reset(ELSE "clean.500.", 500, 400, drop).refusal, MR_OFFSETS_RULES);
    assert_int_equal(reset(ELSE "clean.500.", 500, 400, force).refusal, MR_OFFSETS_ALLOWED);
    mr_offsets_change change = reset(ELSE "clean.500.", 500, 500, nothing);
    assert_int_equal(change.refusal, MR_OFFSETS_ALLOWED);
    assert_written(change, OURS "clean.500.");
    /* Its shards are others. */
    assert_int_equal(reset(ELSE "clean.500.p:0000000a:300", 500, 500, nothing).refusal, MR_OFFSETS_PARKED);
    assert_int_equal(reset(ELSE "clean.500.p:0000000a:300", 500, 500, force).refusal, MR_OFFSETS_PARKED);
}

static void test_reset_without_room(void **state)
{
    (void)state;
    char text[MR_METADATA_MAX + 1];
    size_t len = (size_t)snprintf(text, sizeof text, OURS "dirty.99.p:0000000a:1");
    while (MR_METADATA_MAX - len > 31)
        len += (size_t)snprintf(text + len, sizeof text - len, ",p:0000000a:1");
    len += (size_t)snprintf(text + len, sizeof text - len, ",r:0000000a:1:");
    while (len < MR_METADATA_MAX)
        text[len++] = '7';
    mr_offsets_place place = {.low = 0, .end = 1000, .committed = 99, .metadata = text, .len = len};
    mr_offsets_change change;
    mr_offsets_reset(&place, 99, RULES, nothing, &change);
    assert_true(change.same);
    mr_offsets_reset(&place, 98, RULES, nothing, &change);
    assert_int_equal(change.refusal, MR_OFFSETS_ALLOWED);
    mr_offsets_reset(&place, 999, RULES, nothing, &change); /* its own offset has a digit more, twice */
    assert_int_equal(change.refusal, MR_OFFSETS_ROOM);
}

/* ---- import ---- */

static mr_offsets_change import(const char *now, int64_t committed, const char *text, int64_t to,
                                mr_offsets_allowed allowed)
{
    mr_offsets_change change;
    mr_offsets_place place = place_of(now, committed);
    mr_offsets_import(&place, to, text, strlen(text), RULES, allowed, &change);
    return change;
}

static void test_import_bytes(void **state)
{
    (void)state;
    static const char parked[] = OURS "dirty.500.p:0000000a:300";
    mr_offsets_change change = import(parked, 500, parked, 500, nothing);
    assert_true(change.same);
    change = import(OURS "dirty.100.", 100, parked, 500, nothing);
    assert_int_equal(change.refusal, MR_OFFSETS_ALLOWED);
    assert_written(change, parked);
    change = import("", -1, parked, 500, nothing);
    assert_written(change, parked);
    /* clean only where that is known */
    change = import(OURS "dirty.100.", 100, OURS "clean.1000.", 1000, nothing);
    assert_written(change, OURS "clean.1000.");
    assert_false(change.made_dirty);
    change = import(OURS "clean.600.", 600, OURS "clean.500.", 500, nothing);
    assert_written(change, OURS "dirty.500.");
    assert_true(change.made_dirty);
    change = import(OURS "clean.400.", 400, OURS "clean.500.", 500, nothing);
    assert_written(change, OURS "clean.500.");
    change = import("", -1, OURS "clean.500.p:0000000a:300", 500, nothing);
    assert_written(change, OURS "dirty.500.p:0000000a:300");
}

static void test_import_refusals(void **state)
{
    (void)state;
    static const char parked[] = OURS "dirty.500.p:0000000a:300";
    assert_int_equal(import(parked, 500, OURS "dirty.500.", 500, nothing).refusal, MR_OFFSETS_PARKED);
    assert_int_equal(import(parked, 500, OURS "dirty.500.", 500, force).refusal, MR_OFFSETS_PARKED);
    assert_int_equal(import(parked, 500, OURS "dirty.500.", 500, drop).refusal, MR_OFFSETS_ALLOWED);
    /* another shard's, a later and a shorter one do not cover it; an earlier one, or one up to the offset, does */
    assert_int_equal(import(parked, 500, OURS "dirty.500.p:0000000b:300", 500, nothing).refusal,
                     MR_OFFSETS_PARKED);
    assert_int_equal(import(parked, 500, OURS "dirty.500.p:0000000a:301", 500, nothing).refusal,
                     MR_OFFSETS_PARKED);
    assert_int_equal(import(parked, 500, OURS "dirty.500.r:0000000a:300:400", 500, nothing).refusal,
                     MR_OFFSETS_PARKED);
    assert_int_equal(import(parked, 500, OURS "dirty.500.p:0000000a:200", 500, nothing).refusal,
                     MR_OFFSETS_ALLOWED);
    assert_int_equal(import(parked, 500, OURS "dirty.500.r:0000000a:300:500", 500, nothing).refusal,
                     MR_OFFSETS_ALLOWED);
    /* read again from below: nothing is forgotten */
    assert_int_equal(import(parked, 500, OURS "dirty.300.", 300, nothing).refusal, MR_OFFSETS_ALLOWED);
    assert_int_equal(import(parked, 500, OURS "dirty.50.", 50, nothing).refusal, MR_OFFSETS_RANGE);
    /* of other rules, of another tool, damaged */
    assert_int_equal(import(OURS "clean.500.", 500, ELSE "clean.500.", 500, nothing).refusal,
                     MR_OFFSETS_STRANGE);
    assert_int_equal(import(OURS "dirty.500.", 500, ELSE "clean.400.", 400, nothing).refusal,
                     MR_OFFSETS_RULES);
    assert_int_equal(import(OURS "clean.500.", 500, "", 500, nothing).refusal, MR_OFFSETS_STRANGE);
    assert_int_equal(import(OURS "clean.500.", 500, OURS "clean.400.", 500, nothing).refusal,
                     MR_OFFSETS_STRANGE);
    mr_offsets_change change = import(OURS "clean.500.", 500, "by hand", 500, force);
    assert_int_equal(change.refusal, MR_OFFSETS_ALLOWED);
    assert_written(change, "by hand");
}

static void test_to(void **state)
{
    (void)state;
    mr_offsets_to to;
    assert_true(mr_offsets_to_parse("earliest", &to));
    assert_int_equal(to.kind, MR_OFFSETS_TO_EARLIEST);
    assert_true(mr_offsets_to_parse("latest", &to));
    assert_int_equal(to.kind, MR_OFFSETS_TO_LATEST);
    assert_true(mr_offsets_to_parse("42", &to));
    assert_int_equal(to.kind, MR_OFFSETS_TO_OFFSET);
    assert_int_equal(to.value, 42);
    assert_true(mr_offsets_to_parse("2023-11-14T22:13:20.5Z", &to));
    assert_int_equal(to.kind, MR_OFFSETS_TO_TIME);
    assert_int_equal(to.value, 1700000000500);
    assert_true(mr_offsets_to_parse("2023-11-15T00:13:20+02:00", &to));
    assert_int_equal(to.value, 1700000000000);
    static const char *const none[] = {
        "",   "-1", "042", "Earliest", "2023-11-14T22:13:20", "99999999999999999999", "1969-12-31T23:59:59Z",
        "4 2"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_false(mr_offsets_to_parse(none[i], &to));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_entries),
        cmocka_unit_test(test_reset_clean_only_when_true),
        cmocka_unit_test(test_reset_within_the_log),
        cmocka_unit_test(test_reset_keeps_parked),
        cmocka_unit_test(test_reset_of_the_unknown),
        cmocka_unit_test(test_reset_over_other_rules),
        cmocka_unit_test(test_reset_without_room),
        cmocka_unit_test(test_import_bytes),
        cmocka_unit_test(test_import_refusals),
        cmocka_unit_test(test_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
