/* dlq list, dlq show, dlq replay */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/command.h"
#include "app/progress.h"
#include "base/text.h"
#include "cmd_dlq_private.h"
#include "edges/kafka_letters.h"
#include "stages/reason.h"

/* What a command on dead letters works with. */
typedef struct work {
    const mr_call *call;
    mr_config *config;
    mr_letters *letters;
    mr_dlq_filter filter;
    mr_status status; /* of what happened within a letter */
    mr_progress progress;
    /* replay */
    const char *to; /* NULL: to the source */
    bool yes;
    json_t *sent; /* the coordinates that were sent: an event may have several letters */
    uint64_t count, repeated, cut;
} work;

static mr_status begin(work *w, const mr_call *call)
{
    mr_error error;
    *w = (work){.call = call};
    mr_status status = mr_call_config(call, &w->config);
    if (status)
        return status;
    status = mr_dlq_filter_new(call, w->config, &w->filter);
    if (!status && call->count > 0)
        status = mr_dlq_filter_at(&w->filter, call->arguments[0]);
    if (status)
        return status;
    status = mr_letters_open(w->config, &w->letters, &error);
    if (status)
        return mr_complain(status, "%s", error.text);
    if (mr_letters_topics(w->letters) == 0)
        fputs("millrace: there is no dead-letter topic yet: see dlq.topic in `millrace config`\n", stderr);
    return MR_OK;
}

static void progress(void *context, uint64_t seen, uint64_t all)
{
    work *w = context;
    char match[64];
    mr_buf buf = mr_buf_over(match, sizeof match);
    mr_buf_count(&buf, (long long)w->filter.found);
    mr_buf_text(&buf, w->filter.found == 1 ? " letter matches" : " letters match");
    mr_progress_tell(&w->progress, seen, all, match);
}

static mr_status read_letters(work *w, bool (*each)(void *context, const mr_dead_letter *letter), bool tell)
{
    mr_error error;
    mr_letters_reading reading = {.since_ms = w->filter.since_ms, .each = each, .context = w};
    if (tell)
        reading.progress = progress;
    w->progress = mr_progress_begin("messages read");
    mr_status status = mr_letters_read(w->letters, &reading, &error);
    mr_progress_end(&w->progress);
    if (status)
        mr_complain(status, "%s", error.text);
    if (mr_letters_strange(w->letters) > 0)
        fprintf(stderr, "millrace: %llu messages without a well-formed %s were left out\n",
                (unsigned long long)mr_letters_strange(w->letters), MR_ORIGIN_HEADER);
    return mr_status_worse(status, w->status);
}

static mr_status end(work *w, mr_status status)
{
    mr_letters_free(w->letters);
    if (w->config)
        mr_dlq_filter_free(&w->filter);
    json_decref(w->sent);
    mr_config_free(w->config);
    return status;
}

/* ---- what a letter says ---- */

static void print_time(int64_t ms, char *out, size_t cap)
{
    mr_buf buf = mr_buf_over(out, cap);
    if (ms >= 0)
        mr_buf_time(&buf, ms);
}

/* The text of one of our headers, or null. */
static json_t *header_json(const mr_dead_letter *letter, const char *name)
{
    char text[512];
    if (!mr_letter_header(letter, name, text, sizeof text))
        return json_null();
    json_t *made = json_string(text);
    return made ? made : json_null();
}

static json_t *letter_json(const work *w, const mr_dead_letter *letter)
{
    char when[40] = "";
    const mr_origin *origin = &letter->origin;
    print_time(letter->time_ms, when, sizeof when);
    return json_pack("{s:s, s:i, s:I, s:s?, s:o, s:o, s:o, s:s?}", "topic", origin->topic, "partition",
                     (int)origin->partition, "offset", (json_int_t)origin->offset, "stream",
                     mr_dlq_stream(&w->filter, letter), "reason", header_json(letter, "millrace.reason"),
                     "column", header_json(letter, "millrace.column"), "shard",
                     header_json(letter, "millrace.shard"), "time", *when ? when : NULL);
}

static void print_line(const work *w, const mr_dead_letter *letter)
{
    char when[40] = "no time", text[128];
    const char *stream = mr_dlq_stream(&w->filter, letter);
    print_time(letter->time_ms, when, sizeof when);
    printf("%s:%d:%lld  %s  stream %s  ", letter->origin.topic, letter->origin.partition,
           (long long)letter->origin.offset, when, stream ? stream : "-");
    bool has_reason = mr_letter_header(letter, "millrace.reason", text, sizeof text);
    mr_text_put_tame(has_reason ? text : "unknown", stdout); /* headers are anybody's */
    if (mr_letter_header(letter, "millrace.column", text, sizeof text)) {
        fputs("  column ", stdout);
        mr_text_put_tame(text, stdout);
    }
    if (mr_letter_header(letter, "millrace.shard", text, sizeof text)) {
        fputs("  shard ", stdout);
        mr_text_put_tame(text, stdout);
    }
    putchar('\n');
}

/* Prints bytes as text: nothing in it can command a terminal. */
static void print_bytes(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len;) {
        unsigned char c = (unsigned char)bytes[i];
        size_t chars = mr_utf8_char(bytes + i, len - i);
        if (chars == 0 || (mr_control_char(bytes + i, len - i) > 0 && c != '\n' && c != '\t')) {
            printf("\\x%02x", c);
            i++;
        } else {
            fwrite(bytes + i, 1, chars, stdout);
            i += chars;
        }
    }
}

/* ---- list ---- */

static bool list_one(void *context, const mr_dead_letter *letter)
{
    work *w = context;
    if (!mr_dlq_filter_takes(&w->filter, letter))
        return true;
    if (mr_call_json(w->call))
        mr_print_json_line(letter_json(w, letter));
    else
        print_line(w, letter);
    return !mr_dlq_filter_full(&w->filter) && !ferror(stdout);
}

mr_status mr_cmd_dlq_list(mr_call *call)
{
    work w;
    mr_status status = begin(&w, call);
    if (!status)
        status = read_letters(&w, list_one, !isatty(STDOUT_FILENO) && isatty(STDERR_FILENO));
    return end(&w, status);
}

/* ---- show ---- */

static void show_json(const work *w, const mr_dead_letter *letter)
{
    const char *name, *value;
    size_t len;
    json_t *object = letter_json(w, letter), *headers = json_array();
    for (size_t i = 0; mr_letter_header_at(letter, i, &name, &value, &len); i++) {
        json_t *one = json_object();
        mr_json_put_bytes(one, "name", name, strlen(name));
        mr_json_put_bytes(one, "value", value, len);
        json_array_append_new(headers, one);
    }
    json_object_set_new(object, "letter",
                        json_pack("{s:s, s:i, s:I}", "topic", letter->topic, "partition",
                                  (int)letter->partition, "offset", (json_int_t)letter->offset));
    json_object_set_new(object, "value_dropped", json_boolean(letter->value_dropped));
    json_object_set_new(object, "headers", headers);
    mr_json_put_bytes(object, "key", letter->key, letter->key_len);
    mr_json_put_bytes(object, "value", letter->value, letter->value_len);
    mr_print_json(object);
}

static void show_text(const work *w, const mr_dead_letter *letter)
{
    const char *name, *value, *stream = mr_dlq_stream(&w->filter, letter);
    char when[40] = "unknown", text[512];
    size_t len;
    printf("event    %s:%d:%lld, stream %s\n", letter->origin.topic, letter->origin.partition,
           (long long)letter->origin.offset, stream ? stream : "none any more");
    print_time(letter->time_ms, when, sizeof when);
    printf("letter   %s:%d:%lld, %s\n", letter->topic, letter->partition, (long long)letter->offset, when);
    if (mr_letter_header(letter, "__connect.errors.exception.message", text, sizeof text)) {
        fputs("reason   ", stdout);
        print_bytes(text, strlen(text));
        if (mr_letter_header(letter, "millrace.position", text, sizeof text)) {
            fputs(", at byte ", stdout);
            print_bytes(text, strlen(text));
        }
        putchar('\n');
    }
    puts("headers");
    for (size_t i = 0; mr_letter_header_at(letter, i, &name, &value, &len); i++) {
        fputs("  ", stdout);
        print_bytes(name, strlen(name));
        fputs(": ", stdout);
        print_bytes(value ? value : "null", value ? len : 4);
        putchar('\n');
    }
    printf("key      %s", letter->key ? "" : "null");
    print_bytes(letter->key, letter->key ? letter->key_len : 0);
    printf("\nvalue    %s", letter->value_dropped
                                ? "was too large for the dead-letter topic: the source topic has it"
                            : letter->value ? ""
                                            : "null");
    print_bytes(letter->value, letter->value ? letter->value_len : 0);
    putchar('\n');
}

static bool show_one(void *context, const mr_dead_letter *letter)
{
    work *w = context;
    if (!mr_dlq_filter_takes(&w->filter, letter))
        return true;
    if (mr_call_option(w->call, "value"))
        fwrite(letter->value, 1, letter->value ? letter->value_len : 0, stdout);
    else if (mr_call_json(w->call))
        show_json(w, letter);
    else
        show_text(w, letter);
    return false;
}

mr_status mr_cmd_dlq_show(mr_call *call)
{
    work w;
    if (mr_call_option(call, "value") && mr_call_json(call))
        return mr_complain(MR_USAGE, "--value prints bytes, no JSON: leave out one of them");
    mr_status status = begin(&w, call);
    if (!status)
        status = read_letters(&w, show_one, false);
    if (!status && w.filter.found == 0)
        status =
            mr_complain(MR_DATA, "there is no dead letter of %s: `millrace dlq list` prints which there are",
                        call->arguments[0]);
    return end(&w, status);
}

/* ---- replay ---- */

/* Whether this event was sent in this run already. */
static bool is_repeated(work *w, const mr_origin *origin)
{
    char text[400];
    mr_buf buf = mr_buf_over(text, sizeof text);
    mr_origin_format(origin, &buf);
    if (json_object_get(w->sent, text))
        return true;
    json_object_set_new(w->sent, text, json_true());
    return false;
}

static void say_cut(const mr_dead_letter *letter)
{
    fprintf(stderr, "millrace: %s:%d:%lld cannot be sent: %s\n", letter->origin.topic,
            letter->origin.partition, (long long)letter->origin.offset,
            letter->value_dropped ? "its value was too large for the dead-letter topic"
                                  : "its value is what was decoded of it, the log had dropped the event");
}

static bool replay_one(void *context, const mr_dead_letter *letter)
{
    work *w = context;
    mr_error error;
    if (!mr_dlq_filter_takes(&w->filter, letter))
        return true;
    if (letter->value_dropped || letter->original_gone) {
        w->cut++;
        say_cut(letter);
    } else if (is_repeated(w, &letter->origin)) {
        w->repeated++;
    } else if (!w->yes) {
        w->count++;
        if (mr_call_json(w->call))
            mr_print_json_line(letter_json(w, letter));
        else
            print_line(w, letter);
    } else {
        w->status = mr_letters_send(w->letters, letter, w->to, &error);
        if (w->status) {
            mr_complain(w->status, "%s", error.text);
            return false;
        }
        w->count++;
    }
    return !mr_dlq_filter_full(&w->filter) && !ferror(stdout);
}

/* Says what was done, or would be, and where to. */
static void sum_up(const work *w, uint64_t acknowledged)
{
    const char *where = w->to ? w->to : "the source topic";
    FILE *out = mr_call_json(w->call) && !w->yes ? stderr : stdout;
    if (mr_call_json(w->call) && w->yes)
        mr_print_json_line(json_pack("{s:I, s:I, s:I, s:s?}", "sent", (json_int_t)acknowledged, "repeated",
                                     (json_int_t)w->repeated, "not_sendable", (json_int_t)w->cut, "to",
                                     w->to));
    else if (w->yes)
        fprintf(out, "%llu letter%s sent to %s and acknowledged\n", (unsigned long long)acknowledged,
                acknowledged == 1 ? " was" : "s were", where);
    else
        fprintf(out, "%llu letter%s would be sent to %s; nothing was sent: add --yes to send\n",
                (unsigned long long)w->count, w->count == 1 ? "" : "s", where);
    if (w->repeated > 0)
        fprintf(stderr, "millrace: %llu letters of events that had one before were left out\n",
                (unsigned long long)w->repeated);
}

static mr_status choose_target(work *w)
{
    mr_error error;
    w->yes = mr_call_option(w->call, "yes") != NULL;
    if (mr_call_option(w->call, "to-source")) {
        fputs(
            "millrace: to the source topic: its other consumers see these events again, and each time is an "
            "event of its own\n",
            stderr);
        return MR_OK;
    }
    w->to = w->config->dlq.replay_topic;
    mr_status status = mr_letters_topic_known(w->letters, w->to, &error);
    return status ? mr_complain(status, "dlq.replay_topic: %s", error.text) : MR_OK;
}

/* What can be said before anybody is asked. */
static mr_status target_is_configured(const mr_call *call)
{
    mr_config *config = NULL;
    mr_status status = mr_call_config(call, &config);
    if (!status && !config->dlq.replay_topic[0] && !mr_call_option(call, "to-source"))
        status = mr_complain(
            MR_CONFIG, "dlq.replay_topic is not set: create a topic that only this group reads and name it "
                       "there, or send with --to-source");
    mr_config_free(config);
    return status;
}

mr_status mr_cmd_dlq_replay(mr_call *call)
{
    work w;
    mr_error error;
    uint64_t acknowledged;
    mr_status status = target_is_configured(call);
    if (status)
        return status;
    status = begin(&w, call);
    w.sent = json_object();
    if (!status)
        status = choose_target(&w);
    if (status)
        return end(&w, status);
    status = read_letters(&w, replay_one, true);
    mr_status sent = mr_letters_flush(w.letters, &acknowledged, &error);
    if (sent && !status)
        mr_complain(sent, "%s", error.text);
    status = mr_status_worse(status, sent);
    if (!sent)
        sum_up(&w, acknowledged);
    if (!status && w.cut > 0)
        status = MR_DATA;
    return end(&w, status);
}
