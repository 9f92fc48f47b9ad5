#include "stages/json.h"

#include <string.h>

#include "base/must.h"
#include "base/text.h"
#include "json_paths.h"

/* ---- strings ---- */

size_t mr_json_plain_scalar(const char *text, size_t len)
{
    size_t i = 0;
    while (i < len) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\')
            break;
        i++;
    }
    return i;
}

#if defined(__SSE2__)
#include <emmintrin.h>

size_t mr_json_plain(const char *text, size_t len)
{
    size_t i = 0;
    for (; i + 16 <= len; i += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(text + i));
        /* Signed: bytes from 0x80 on are below 0x20 as well. */
        __m128i special = _mm_or_si128(_mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20)),
                                       _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')),
                                                    _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'))));
        int mask = _mm_movemask_epi8(special);
        if (mask)
            return i + (size_t)__builtin_ctz((unsigned)mask);
    }
    return i + mr_json_plain_scalar(text + i, len - i);
}
#elif defined(__aarch64__)
#include <arm_neon.h>

size_t mr_json_plain(const char *text, size_t len)
{
    size_t i = 0;
    for (; i + 16 <= len; i += 16) {
        uint8x16_t bytes = vld1q_u8((const uint8_t *)(text + i));
        uint8x16_t special =
            vorrq_u8(vorrq_u8(vcltq_u8(bytes, vdupq_n_u8(0x20)), vcgeq_u8(bytes, vdupq_n_u8(0x80))),
                     vorrq_u8(vceqq_u8(bytes, vdupq_n_u8('"')), vceqq_u8(bytes, vdupq_n_u8('\\'))));
        if (vmaxvq_u8(special))
            break;
    }
    return i + mr_json_plain_scalar(text + i, len - i);
}
#else
size_t mr_json_plain(const char *text, size_t len)
{
    return mr_json_plain_scalar(text, len);
}
#endif

/* Four hex digits at `text`, negative when they are not. */
static int hex4(const char *text)
{
    int value = 0;
    for (int i = 0; i < 4; i++) {
        int digit = mr_hex_digit(text[i]);
        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    return value;
}

/* ---- the pass ---- */

typedef struct pass {
    const mr_paths *paths;
    const char *text, *end, *at;
    mr_span *spans;
    mr_reason reason;
    int depth;
} pass;

static bool refuse(pass *p, mr_reason reason)
{
    p->reason = reason;
    return false;
}

static inline void skip_blank(pass *p)
{
    while (p->at < p->end && (unsigned char)*p->at <= ' ' &&
           (*p->at == ' ' || *p->at == '\n' || *p->at == '\r' || *p->at == '\t'))
        p->at++;
}

/* At the backslash; leaves the escape behind. */
static bool pass_escape(pass *p)
{
    if (p->end - p->at < 2)
        return refuse(p, MR_REASON_JSON_SYNTAX);
    char c = p->at[1];
    if (c != 'u') {
        if (!c || !strchr("\"\\/bfnrt", c))
            return refuse(p, MR_REASON_JSON_ESCAPE);
        p->at += 2;
        return true;
    }
    int unit = p->end - p->at >= 6 ? hex4(p->at + 2) : -1;
    if (unit < 0 || (unit >= 0xdc00 && unit <= 0xdfff))
        return refuse(p, MR_REASON_JSON_ESCAPE);
    if (unit >= 0xd800 && unit <= 0xdbff) {
        int low = p->end - p->at >= 12 && p->at[6] == '\\' && p->at[7] == 'u' ? hex4(p->at + 8) : -1;
        if (low < 0xdc00 || low > 0xdfff)
            return refuse(p, MR_REASON_JSON_ESCAPE);
        p->at += 6;
    }
    p->at += 6;
    return true;
}

/* At the opening quote; leaves the closing one behind. */
static bool pass_string(pass *p, mr_span *span)
{
    bool escaped = false;
    const char *from = ++p->at;
    for (;;) {
        p->at += mr_json_plain(p->at, (size_t)(p->end - p->at));
        if (p->at == p->end)
            return refuse(p, MR_REASON_JSON_SYNTAX);
        unsigned char c = (unsigned char)*p->at;
        if (c == '"')
            break;
        if (c == '\\') {
            escaped = true;
            if (!pass_escape(p))
                return false;
        } else if (c < 0x20) {
            return refuse(p, MR_REASON_JSON_SYNTAX);
        } else {
            size_t bytes;
            do {
                if ((bytes = mr_utf8_char(p->at, (size_t)(p->end - p->at))) == 0)
                    return refuse(p, MR_REASON_JSON_UTF8);
                p->at += bytes;
            } while (p->at < p->end && (unsigned char)*p->at >= 0x80);
        }
    }
    *span = (mr_span){.at = (uint32_t)(from - p->text),
                      .len = (uint32_t)(p->at - from),
                      .kind = MR_JSON_STRING,
                      .escaped = escaped};
    p->at++;
    return true;
}

static size_t pass_digits(pass *p)
{
    const char *from = p->at;
    while (p->at < p->end && *p->at >= '0' && *p->at <= '9')
        p->at++;
    return (size_t)(p->at - from);
}

static bool pass_number(pass *p, mr_span *span)
{
    const char *from = p->at;
    if (*p->at == '-')
        p->at++;
    bool zero = p->at < p->end && *p->at == '0';
    size_t digits = pass_digits(p);
    if (digits == 0 || (zero && digits > 1))
        return refuse(p, MR_REASON_JSON_SYNTAX);
    if (p->at < p->end && *p->at == '.') {
        p->at++;
        if (pass_digits(p) == 0)
            return refuse(p, MR_REASON_JSON_SYNTAX);
    }
    if (p->at < p->end && (*p->at | 0x20) == 'e') {
        p->at++;
        if (p->at < p->end && (*p->at == '+' || *p->at == '-'))
            p->at++;
        if (pass_digits(p) == 0)
            return refuse(p, MR_REASON_JSON_SYNTAX);
    }
    *span =
        (mr_span){.at = (uint32_t)(from - p->text), .len = (uint32_t)(p->at - from), .kind = MR_JSON_NUMBER};
    return true;
}

static bool pass_word(pass *p, const char *word, mr_json_kind kind, mr_span *span)
{
    size_t len = strlen(word);
    if ((size_t)(p->end - p->at) < len || memcmp(p->at, word, len) != 0)
        return refuse(p, MR_REASON_JSON_SYNTAX);
    *span = (mr_span){.at = (uint32_t)(p->at - p->text), .len = (uint32_t)len, .kind = (uint8_t)kind};
    p->at += len;
    return true;
}

/* Forgets what was found below `node`: it is as `kind` says, unless something follows. */
static void reset_below(pass *p, const mr_node *node, mr_json_kind kind, uint32_t at)
{
    for (uint32_t i = node->below_from; i < node->below_to; i++)
        p->spans[i] = (mr_span){.kind = (uint8_t)kind, .at = at};
}

static bool pass_value(pass *p, const mr_node *node);

static const mr_node *child_of(const pass *p, const mr_node *node, const char *name, size_t len)
{
    for (uint32_t i = node->first_child; i != MR_NODE_NONE; i = p->paths->node[i].next) {
        const mr_node *child = &p->paths->node[i];
        if (child->name_len == len && !memcmp(child->name, name, len))
            return child;
    }
    return NULL;
}

/* Rare, and kept apart for its buffer: every call would clear it. */
__attribute__((noinline)) static const mr_node *child_escaped(const pass *p, const mr_node *node,
                                                              const mr_span *name)
{
    char plain[MR_STEP_MAX];
    if (name->len > sizeof plain)
        return NULL; /* longer than any step: six bytes make at least one */
    return child_of(p, node, plain, mr_json_unescape(p->text + name->at, name->len, plain));
}

static const mr_node *child_named(const pass *p, const mr_node *node, const mr_span *name)
{
    if (!node || node->first_child == MR_NODE_NONE)
        return NULL;
    return name->escaped ? child_escaped(p, node, name) : child_of(p, node, p->text + name->at, name->len);
}

static bool pass_object(pass *p, const mr_node *node)
{
    p->at++;
    skip_blank(p);
    if (p->at < p->end && *p->at == '}') {
        p->at++;
        return true;
    }
    for (;;) {
        mr_span name;
        if (p->at == p->end || *p->at != '"')
            return refuse(p, MR_REASON_JSON_SYNTAX);
        if (!pass_string(p, &name))
            return false;
        skip_blank(p);
        if (p->at == p->end || *p->at != ':')
            return refuse(p, MR_REASON_JSON_SYNTAX);
        p->at++;
        if (!pass_value(p, child_named(p, node, &name)))
            return false;
        skip_blank(p);
        if (p->at == p->end)
            return refuse(p, MR_REASON_JSON_SYNTAX);
        char c = *p->at++;
        if (c == '}')
            return true;
        if (c != ',') {
            p->at--;
            return refuse(p, MR_REASON_JSON_SYNTAX);
        }
        skip_blank(p);
    }
}

static const mr_node *child_indexed(const pass *p, const mr_node *node, uint32_t index)
{
    for (uint32_t i = node ? node->first_child : MR_NODE_NONE; i != MR_NODE_NONE; i = p->paths->node[i].next)
        if (p->paths->node[i].index == index)
            return &p->paths->node[i];
    return NULL;
}

static bool pass_array(pass *p, const mr_node *node)
{
    p->at++;
    skip_blank(p);
    if (p->at < p->end && *p->at == ']') {
        p->at++;
        return true;
    }
    for (uint32_t index = 0;; index++) {
        if (!pass_value(p, child_indexed(p, node, index)))
            return false;
        skip_blank(p);
        if (p->at == p->end)
            return refuse(p, MR_REASON_JSON_SYNTAX);
        char c = *p->at++;
        if (c == ']')
            return true;
        if (c != ',') {
            p->at--;
            return refuse(p, MR_REASON_JSON_SYNTAX);
        }
    }
}

static bool pass_nested(pass *p, const mr_node *node, mr_span *span)
{
    const char *from = p->at;
    bool object = *p->at == '{';
    if (p->depth == MR_JSON_DEPTH)
        return refuse(p, MR_REASON_JSON_DEPTH);
    p->depth++;
    if (node)
        reset_below(p, node, MR_JSON_MISSING, (uint32_t)(from - p->text));
    if (!(object ? pass_object(p, node) : pass_array(p, node)))
        return false;
    p->depth--;
    *span = (mr_span){.at = (uint32_t)(from - p->text),
                      .len = (uint32_t)(p->at - from),
                      .kind = object ? MR_JSON_OBJECT : MR_JSON_ARRAY};
    return true;
}

/* Any value; when it is on a wanted path, what is wanted of it is remembered. */
static bool pass_value(pass *p, const mr_node *node)
{
    mr_span span;
    bool well;
    skip_blank(p);
    if (p->at == p->end)
        return refuse(p, MR_REASON_JSON_SYNTAX);
    switch (*p->at) {
    case '"':
        well = pass_string(p, &span);
        break;
    case '{':
    case '[':
        well = pass_nested(p, node, &span);
        break;
    case 't':
        well = pass_word(p, "true", MR_JSON_TRUE, &span);
        break;
    case 'f':
        well = pass_word(p, "false", MR_JSON_FALSE, &span);
        break;
    case 'n':
        well = pass_word(p, "null", MR_JSON_NULL, &span);
        break;
    default:
        well = pass_number(p, &span);
    }
    if (!well || !node)
        return well;
    if (span.kind != MR_JSON_OBJECT && span.kind != MR_JSON_ARRAY)
        reset_below(p, node, span.kind == MR_JSON_NULL ? MR_JSON_NULL : MR_JSON_WRONG_STEP, span.at);
    if (node->own != MR_NODE_NONE)
        p->spans[node->own] = span;
    return true;
}

mr_reason mr_json_scan(const mr_paths *paths, const char *text, size_t len, mr_span *spans, size_t *position)
{
    pass p = {.paths = paths, .text = text, .end = text + len, .at = text, .spans = spans};
    *position = 0;
    if (len > UINT32_MAX)
        return MR_REASON_TOO_LARGE;
    for (uint32_t i = 0; i < paths->count; i++)
        spans[i] = (mr_span){.kind = MR_JSON_MISSING};
    skip_blank(&p);
    bool object = p.at < p.end && *p.at == '{';
    bool well = pass_value(&p, &paths->node[0]);
    if (well) {
        skip_blank(&p);
        if (p.at != p.end)
            well = refuse(&p, MR_REASON_JSON_SYNTAX);
    }
    *position = (size_t)(p.at - text);
    if (!well)
        return p.reason;
    if (!object) {
        *position = 0;
        return MR_REASON_JSON_ROOT;
    }
    return MR_REASON_NONE;
}

/* ---- unescaping ---- */

static size_t put_utf8(uint32_t c, char *out)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

size_t mr_json_unescape_one(const char *text, char *out, size_t *written)
{
    static const char letters[] = "bfnrt", means[] = "\b\f\n\r\t";
    if (text[1] == 'u') {
        uint32_t c = (uint32_t)hex4(text + 2);
        bool pair = c >= 0xd800 && c <= 0xdbff;
        if (pair)
            c = 0x10000 + ((c - 0xd800) << 10) + ((uint32_t)hex4(text + 8) - 0xdc00);
        *written = put_utf8(c, out);
        return pair ? 12 : 6;
    }
    const char *letter = strchr(letters, text[1]);
    out[0] = letter ? means[letter - letters] : text[1];
    *written = 1;
    return 2;
}

size_t mr_json_unescape(const char *text, size_t len, char *out)
{
    size_t written = 0;
    for (size_t i = 0; i < len;) {
        if (text[i] != '\\') {
            out[written++] = text[i++];
            continue;
        }
        size_t bytes;
        i += mr_json_unescape_one(text + i, out + written, &bytes);
        written += bytes;
    }
    return written;
}
