/* Generated and mutated documents: our pass and jansson agree on verdict and values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "model.h"
#include "oracle.h"

enum { DOCUMENTS = 20000, MUTANTS = 6, TEXT_MAX = 4096 };

typedef struct writer {
    char text[TEXT_MAX];
    size_t len;
} writer;

static void put(writer *w, const char *text)
{
    size_t len = strlen(text);
    if (w->len + len < TEXT_MAX) {
        memcpy(w->text + w->len, text, len);
        w->len += len;
    }
}

static const char *pick(const char *const *list, uint32_t count)
{
    return list[model_below(count)];
}

static void put_string(writer *w)
{
    static const char *const pieces[] = {"a",
                                         "bc",
                                         "\\n",
                                         "\\\"",
                                         "\\u0041",
                                         "\\u00e9",
                                         "\\ud83d\\ude00",
                                         "\\u0000",
                                         "\xc3\xa9",
                                         "\xe2\x82\xac",
                                         "\xf0\x9f\x98\x80",
                                         " ",
                                         "/",
                                         "0123456789abcdef"};
    put(w, "\"");
    for (uint32_t n = model_below(6); n > 0; n--)
        put(w, pick(pieces, 14));
    put(w, "\"");
}

static void put_value(writer *w, int depth);

static void put_object(writer *w, int depth)
{
    static const char *const names[] = {"\"a\"", "\"b\"", "\"c\"",       "\"d\"",
                                        "\"e\"", "\"1\"", "\"\\u0062\"", "\"long name of something\""};
    put(w, "{");
    for (uint32_t n = model_below(5), i = 0; i < n; i++) {
        put(w, !i ? "" : model_below(2) ? "," : ", ");
        put(w, pick(names, 8));
        put(w, model_below(2) ? ":" : " : ");
        put_value(w, depth + 1);
    }
    put(w, "}");
}

static void put_value(writer *w, int depth)
{
    static const char *const scalars[] = {"null",
                                          "true",
                                          "false",
                                          "0",
                                          "-0",
                                          "1",
                                          "-17",
                                          "3.25",
                                          "1e3",
                                          "1E-2",
                                          "-1.5e+10",
                                          "9223372036854775807",
                                          "-9223372036854775808",
                                          "9223372036854775808",
                                          "1e400",
                                          "123456789012345678901234567890.5",
                                          "0.1",
                                          "2.2250738585072011e-308"};
    uint32_t kind = model_below(depth > 5 ? 4 : 8);
    if (kind < 3) {
        put(w, pick(scalars, 18));
    } else if (kind == 3) {
        put_string(w);
    } else if (kind < 6) {
        put_object(w, depth);
    } else {
        put(w, "[");
        for (uint32_t n = model_below(4), i = 0; i < n; i++) {
            put(w, i ? "," : "");
            put_value(w, depth + 1);
        }
        put(w, "]");
    }
}

static void mutate(char *text, size_t *len)
{
    static const char bytes[] = "{}[]\",:\\u0nft-+.eE19 \n\t\x01\x80\xff\xc3\xed";
    if (*len == 0)
        return;
    uint32_t at = model_below((uint32_t)*len);
    switch (model_below(4)) {
    case 0:
        text[at] = bytes[model_below(sizeof bytes)];
        break;
    case 1:
        memmove(text + at, text + at + 1, *len - at - 1);
        --*len;
        break;
    case 2:
        memmove(text + at + 1, text + at, *len - at);
        text[at] = bytes[model_below(sizeof bytes)];
        ++*len;
        break;
    default:
        *len = at;
    }
}

static void test_documents(void **state)
{
    (void)state;
    uint32_t accepted = 0, refused = 0, documents = (uint32_t)model_rounds(DOCUMENTS);
    model_seed("json");
    for (uint32_t i = 0; i < documents; i++) {
        writer w = {.len = 0};
        oracle o = oracle_open();
        put_object(&w, 0);
        accepted += oracle_agree(&o, w.text, w.len);
        for (int m = 0; m < MUTANTS; m++) {
            char text[TEXT_MAX + 1];
            size_t len = w.len;
            memcpy(text, w.text, len);
            for (uint32_t n = 1 + model_below(3); n > 0; n--)
                mutate(text, &len);
            refused += !oracle_agree(&o, text, len);
        }
        oracle_close(&o);
    }
    /* The test is worth something only when it saw both. */
    assert_true(accepted > documents / 4);
    assert_true(refused > documents);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_documents)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
