#include "stages/origin.h"

#include <string.h>

#include "base/text.h"

/* A number without sign and without needless zeros, up to `max`, that ends at `end`. */
static bool read_number(const char *text, const char *end, int64_t max, int64_t *out)
{
    size_t len = (size_t)(end - text);
    return mr_read_digits(text, len, max, out) && (*text != '0' || len == 1);
}

/* Kafka's rule for names: it leaves no room for a slash, a zero byte or a dot alone. */
static bool is_topic(const char *text, size_t len)
{
    if (len == 0 || len >= MR_ORIGIN_TOPIC_MAX)
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
              c == '_' || c == '-'))
            return false;
    }
    return !(len <= 2 && text[0] == '.' && text[len - 1] == '.');
}

void mr_origin_format(const mr_origin *origin, mr_buf *out)
{
    mr_buf_printf(out, "%s/%d/%lld/%lld", origin->topic, origin->partition, (long long)origin->offset,
                  (long long)origin->timestamp_ms);
}

bool mr_origin_parse(const char *text, size_t len, mr_origin *origin)
{
    enum { PARTS = 4 };
    const char *part[PARTS] = {text}, *end;
    if (!text)
        return false;
    end = text + len;
    for (int i = 1; i < PARTS; i++) {
        const char *slash = memchr(part[i - 1], '/', (size_t)(end - part[i - 1]));
        if (!slash)
            return false;
        part[i] = slash + 1;
    }
    int64_t partition;
    size_t topic_len = (size_t)(part[1] - 1 - text);
    if (!is_topic(text, topic_len) || !read_number(part[1], part[2] - 1, INT32_MAX, &partition) ||
        !read_number(part[2], part[3] - 1, INT64_MAX, &origin->offset))
        return false;
    if (end - part[3] == 2 && !memcmp(part[3], "-1", 2))
        origin->timestamp_ms = -1;
    else if (!read_number(part[3], end, INT64_MAX, &origin->timestamp_ms))
        return false;
    memcpy(origin->topic, text, topic_len);
    origin->topic[topic_len] = 0;
    origin->partition = (int32_t)partition;
    return true;
}

bool mr_origin_of(const mr_event *event, mr_origin *origin)
{
    const char *text;
    size_t len;
    return event->header && event->header(event->header_context, MR_ORIGIN_HEADER, &text, &len) && text &&
           mr_origin_parse(text, len, origin);
}

void mr_origin_apply(const mr_origin *origin, uint32_t source_hash, mr_event *event)
{
    event->topic = origin->topic;
    event->partition = origin->partition;
    event->offset = origin->offset;
    event->timestamp_ms = origin->timestamp_ms;
    event->source_hash = source_hash;
}
