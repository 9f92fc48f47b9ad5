/* What checks find: copied, counted, and made a status; and text for a manual page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void *scarce_realloc(void *memory, size_t bytes);
#define realloc scarce_realloc
#include "../../worker/stages/finding.c"
#undef realloc

#include "stages/roff.h"

static int pieces; /* of memory that are left */

static void *scarce_realloc(void *memory, size_t bytes)
{
    return pieces-- > 0 ? realloc(memory, bytes) : NULL;
}

/* Texts are the caller's only for the call, and there may be many. */
static void test_many(void **state)
{
    (void)state;
    mr_findings findings = {0};
    char where[16];
    for (int i = 0; i < 50; i++) {
        snprintf(where, sizeof where, "place %d", i);
        mr_find(&findings, i % 5 ? MR_LEVEL_WARNING : MR_LEVEL_ERROR, MR_CONFIG, where, NULL, "number %d", i);
    }
    char remedy[] = "look";
    mr_findings_add(&findings, (mr_finding){.level = MR_LEVEL_OK, .line = 3, .column = 4, .remedy = remedy});
    assert_int_equal(findings.count, 51);
    assert_int_equal(mr_findings_errors(&findings), 10);
    assert_string_equal(findings.at[17].where, "place 17");
    assert_string_equal(findings.at[17].what, "number 17");
    assert_string_equal(findings.at[17].remedy, "");
    assert_true(findings.at[50].line == 3 && findings.at[50].column == 4);
    assert_string_equal(findings.at[50].where, "");
    assert_string_equal(findings.at[50].remedy, "look");
    mr_findings_free(&findings);
    assert_true(findings.count == 0 && findings.at == NULL);
}

/* The worst error counts; warnings only where they are told to. */
static void test_status(void **state)
{
    (void)state;
    mr_findings findings = {0};
    assert_int_equal(mr_findings_status(&findings, true), MR_OK);
    mr_find(&findings, MR_LEVEL_OK, MR_AGAIN, "here", "", "well");
    assert_int_equal(mr_findings_status(&findings, true), MR_OK);
    mr_find(&findings, MR_LEVEL_WARNING, MR_AGAIN, "here", "", "hm");
    assert_int_equal(mr_findings_status(&findings, false), MR_OK);
    assert_int_equal(mr_findings_status(&findings, true), MR_CONFIG);
    mr_find(&findings, MR_LEVEL_ERROR, MR_AGAIN, "here", "", "bad");
    assert_int_equal(mr_findings_status(&findings, false), MR_AGAIN);
    mr_find(&findings, MR_LEVEL_ERROR, MR_CONFIG, "here", "", "worse");
    assert_int_equal(mr_findings_status(&findings, false), mr_status_worse(MR_AGAIN, MR_CONFIG));
    mr_findings_free(&findings);
}

/* Within a worker memory that ends is noted, wherever it does, and the program goes on. */
static void test_memory_ends(void **state)
{
    (void)state;
    for (int have = 0;; have++) {
        mr_findings findings = {.survives = true};
        pieces = have;
        for (int i = 0; i < 20; i++)
            mr_find(&findings, MR_LEVEL_ERROR, MR_CONFIG, "here", "remedy", "number %d", i);
        bool all = findings.lost == 0;
        assert_int_equal(all, have == 20 * 3 + 2); /* three texts each, and the list twice */
        if (all)
            assert_string_equal(findings.at[19].what, "number 19");
        mr_findings_free(&findings);
        if (all)
            break;
    }
}

static void roff(const char *text, const char *expected)
{
    char *made = NULL;
    size_t len;
    FILE *out = open_memstream(&made, &len);
    assert_non_null(out);
    mr_roff_text(out, text);
    fclose(out);
    assert_string_equal(made, expected);
    free(made);
}

/* No line may begin a request, and a hyphen stays one that can be copied. */
static void test_roff(void **state)
{
    (void)state;
    roff("", "");
    roff("plain", "plain");
    roff(".TH a.b 'c'\n.d\n'e", "\\&.TH a.b 'c'\n\\&.d\n\\&'e");
    roff("a\\b --c", "a\\eb \\-\\-c");
    roff("one\n\ntwo", "one\n.PP\ntwo");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_many), cmocka_unit_test(test_status),
                                       cmocka_unit_test(test_memory_ends), cmocka_unit_test(test_roff)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
