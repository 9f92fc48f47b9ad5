#include "cmd_dlq_private.h"

#include <string.h>

#include "base/text.h"
#include "stages/reason.h"
#include "stages/values.h"

/* RFC 3339, or seconds since 1970. */
static bool read_time(const char *text, int64_t *ms)
{
    mr_time at = {0};
    int64_t seconds;
    size_t len = strlen(text);
    if (mr_read_digits(text, len, INT64_C(253402300799), &seconds)) {
        *ms = seconds * 1000;
        return true;
    }
    if (mr_to_datetime(text, len, NULL, true, &at))
        return false;
    *ms = mr_time_ms(&at);
    return true;
}

static mr_status take_time(const mr_call *call, const char *name, int64_t *ms)
{
    const char *text = mr_call_option(call, name);
    if (!text || read_time(text, ms))
        return MR_OK;
    return mr_complain(MR_USAGE,
                       "--%s \"%s\" is no time: give one such as 2026-01-31T12:00:00Z, or seconds since 1970",
                       name, text);
}

static mr_status take_reason(const mr_call *call, mr_dlq_filter *filter)
{
    filter->reason = mr_call_option(call, "reason");
    if (!filter->reason)
        return MR_OK;
    for (int i = 1; i < MR_REASON_COUNT; i++)
        if (!strcmp(mr_reason_name((mr_reason)i), filter->reason))
            return MR_OK;
    fprintf(stderr, "millrace: there is no reason \"%s\": it is one of", filter->reason);
    for (int i = 1; i < MR_REASON_COUNT; i++)
        fprintf(stderr, "%s %s", i > 1 ? "," : "", mr_reason_name((mr_reason)i));
    fputc('\n', stderr);
    return MR_USAGE;
}

static mr_status take_stream(const mr_call *call, mr_dlq_filter *filter)
{
    filter->stream = mr_call_option(call, "stream");
    if (!filter->stream)
        return MR_OK;
    for (size_t i = 0; i < filter->config->stream_count; i++)
        if (!strcmp(filter->config->streams[i].name, filter->stream))
            return MR_OK;
    return mr_complain(MR_USAGE, "there is no stream \"%s\": see `millrace config`", filter->stream);
}

static bool one_topic_only(const mr_config *config)
{
    return config->stream_count == 1 && config->streams[0].topic_count == 1 &&
           config->streams[0].topics[0][0] != '^';
}

mr_status mr_dlq_filter_at(mr_dlq_filter *filter, const char *text)
{
    const char *last = strrchr(text, ':'), *before = last;
    int64_t partition;
    while (before && before > text && before[-1] != ':')
        before--;
    if (!last || !mr_read_digits(before, (size_t)(last - before), INT32_MAX, &partition) ||
        !mr_read_digits(last + 1, strlen(last + 1), INT64_MAX, &filter->offset))
        return mr_complain(MR_USAGE, "\"%s\" names no event: give PARTITION:OFFSET or TOPIC:PARTITION:OFFSET",
                           text);
    if (before == text && !one_topic_only(filter->config))
        return mr_complain(MR_USAGE, "there are several source topics: give TOPIC:%s", text);
    filter->at = true;
    filter->partition = (int32_t)partition;
    filter->topic = before > text ? text : NULL;
    filter->topic_len = before > text ? (size_t)(before - 1 - text) : 0;
    return MR_OK;
}

mr_status mr_dlq_filter_new(const mr_call *call, const mr_config *config, mr_dlq_filter *filter)
{
    const char *at = mr_call_option(call, "at");
    mr_status status;
    *filter =
        (mr_dlq_filter){.config = config, .arena = mr_arena_new(), .since_ms = -1, .until_ms = INT64_MAX};
    filter->topics = mr_topics_new(config, filter->arena);
    if ((status = take_reason(call, filter)) || (status = take_stream(call, filter)) ||
        (status = take_time(call, "since", &filter->since_ms)) ||
        (status = take_time(call, "until", &filter->until_ms)) ||
        (at && (status = mr_dlq_filter_at(filter, at))))
        return status;
    if (filter->since_ms >= filter->until_ms)
        return mr_complain(MR_USAGE, "--since is not before --until: nothing could match");
    filter->limit = (uint64_t)mr_call_number(call, "limit", 0);
    return MR_OK;
}

void mr_dlq_filter_free(mr_dlq_filter *filter)
{
    mr_topics_free(filter->topics);
    mr_arena_free(filter->arena);
}

const char *mr_dlq_stream(const mr_dlq_filter *filter, const mr_dead_letter *letter)
{
    uint32_t stream;
    if (!mr_topics_stream(filter->topics, letter->origin.topic, &stream))
        return NULL;
    return filter->config->streams[stream].name;
}

static bool has_place(const mr_dlq_filter *filter, const mr_origin *origin)
{
    return origin->partition == filter->partition && origin->offset == filter->offset &&
           (!filter->topic || (strlen(origin->topic) == filter->topic_len &&
                               !memcmp(origin->topic, filter->topic, filter->topic_len)));
}

bool mr_dlq_filter_takes(mr_dlq_filter *filter, const mr_dead_letter *letter)
{
    char reason[64];
    if ((filter->at && !has_place(filter, &letter->origin)) || letter->time_ms < filter->since_ms ||
        letter->time_ms >= filter->until_ms)
        return false;
    if (filter->reason && (!mr_letter_header(letter, "millrace.reason", reason, sizeof reason) ||
                           strcmp(reason, filter->reason) != 0))
        return false;
    const char *stream = filter->stream ? mr_dlq_stream(filter, letter) : NULL;
    if (filter->stream && (!stream || strcmp(stream, filter->stream) != 0))
        return false;
    filter->found++;
    return true;
}

bool mr_dlq_filter_full(const mr_dlq_filter *filter)
{
    return filter->limit && filter->found >= filter->limit;
}
