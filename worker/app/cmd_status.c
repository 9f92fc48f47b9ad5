/* status */
#include <jansson.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "app/command.h"
#include "app/status_text.h"
#include "edges/http_get.h"

#define TIMEOUT_MS  5000
#define WATCH_MS    1000
#define PORT        7780
#define PROBE_PORT  7781
#define ERROR_SHOWN 1000 /* bytes of an answer that is no good */

/* What was answered, for an error: without its last line's end, and without what a terminal would obey. */
static const char *shown(mr_http_answer *answer)
{
    size_t len = answer->len < ERROR_SHOWN ? answer->len : ERROR_SHOWN;
    for (size_t i = 0; i < len; i++)
        if (((unsigned char)answer->body[i] < ' ' && answer->body[i] != '\n') || answer->body[i] == 0x7f)
            answer->body[i] = '?';
    while (len > 0 && answer->body[len - 1] == '\n')
        len--;
    answer->body[len] = 0;
    return answer->body;
}

/* ---- a probe ---- */

static mr_status probe(const char *url, bool ready)
{
    mr_http_question question = {url, ready ? "/readyz" : "/livez", PROBE_PORT, TIMEOUT_MS};
    mr_http_answer answer;
    mr_error error;
    mr_status status = mr_http_get(&question, &answer, &error);
    if (status) {
        mr_complain(status, "%s", error.text);
    } else if (answer.status == 200) {
        puts("ok");
    } else if (answer.status == 503) {
        status = mr_complain(MR_UNAVAILABLE, "%s says no:\n%s", question.path, shown(&answer));
    } else {
        status = mr_complain(MR_UNAVAILABLE, "%s answered %u, \"%s\": give the worker's http.probe_listen",
                             url, answer.status, shown(&answer));
    }
    mr_http_answer_free(&answer);
    return status;
}

/* ---- the status ---- */

/* A document that is one; the caller's to free. */
static mr_status fetch(const char *url, json_t **document, mr_error *error)
{
    mr_http_question question = {url, "/status", PORT, TIMEOUT_MS};
    mr_http_answer answer;
    mr_status status = mr_http_get(&question, &answer, error);
    *document = NULL;
    if (status == MR_OK && answer.status != 200) {
        status = mr_fail(error, MR_UNAVAILABLE, "%s answered %u, \"%s\": give a worker's http.listen", url,
                         answer.status, shown(&answer));
    } else if (status == MR_OK) {
        *document = json_loadb(answer.body, answer.len, JSON_REJECT_DUPLICATES, NULL);
        if (!mr_status_text_is_one(*document)) {
            json_decref(*document);
            *document = NULL;
            status = mr_fail(error, MR_UNAVAILABLE,
                             "%s answers, but not with a worker's status: give a worker's http.listen", url);
        }
    }
    mr_http_answer_free(&answer);
    return status;
}

static mr_status show(const char *url, bool json)
{
    json_t *document;
    mr_error error;
    mr_status status = fetch(url, &document, &error);
    if (status)
        return mr_complain(status, "%s", error.text);
    if (json) {
        json_dumpf(document, stdout, JSON_INDENT(2));
        putchar('\n');
    } else {
        mr_status_text(document, stdout);
    }
    json_decref(document);
    return MR_OK;
}

/* ---- watching ---- */

/* Writes a text over what the terminal shows, cut to its size, so that nothing wraps and nothing scrolls. */
static void paint(const char *text)
{
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    unsigned rows = size.ws_row > 1 ? size.ws_row - 1u : 1, columns = size.ws_col ? size.ws_col : 80;
    fputs("\033[H", stdout);
    for (unsigned row = 0; row < rows && *text; row++) {
        unsigned column = 0;
        for (; *text && *text != '\n'; text++) {
            column += ((unsigned char)*text & 0xc0) != 0x80;
            if (column <= columns)
                putchar(*text);
        }
        fputs("\033[K\n", stdout);
        text += *text == '\n';
    }
    fputs("\033[J", stdout);
    fflush(stdout);
}

/* Until it is interrupted; a worker that does not answer is asked again. */
static mr_status watch(const char *url)
{
    fputs("\033[2J", stdout);
    while (!ferror(stdout)) {
        json_t *document;
        mr_error error;
        char *text = NULL;
        size_t len;
        FILE *frame = open_memstream(&text, &len);
        if (!frame)
            return mr_complain(MR_UNAVAILABLE, "no memory: use --json");
        mr_status status = fetch(url, &document, &error);
        if (status == MR_USAGE) {
            fclose(frame);
            free(text);
            return mr_complain(status, "%s", error.text);
        }
        if (status)
            fprintf(frame, "%s\n\nasked again every second\n", error.text);
        else
            mr_status_text(document, frame);
        fclose(frame);
        paint(text);
        json_decref(document);
        free(text);
        poll(NULL, 0, WATCH_MS);
    }
    return MR_UNAVAILABLE;
}

/* ---- the command ---- */

static mr_status check_options(const mr_call *call)
{
    bool json = mr_call_json(call), watches = mr_call_option(call, "watch");
    bool probes = mr_call_option(call, "probe");
    if (mr_call_option(call, "ready") && !probes)
        return mr_complain(MR_USAGE, "--ready belongs to --probe: give both");
    if (probes && (json || watches))
        return mr_complain(MR_USAGE, "--probe says it by its exit status: leave out --json and --watch");
    if (watches && json)
        return mr_complain(MR_USAGE, "--watch is for a terminal: leave out --json, or --watch");
    if (watches && !isatty(STDOUT_FILENO))
        return mr_complain(MR_USAGE, "--watch is for a terminal: leave it out, or use --json in a script");
    return MR_OK;
}

mr_status mr_cmd_status(mr_call *call)
{
    mr_config *config = NULL;
    const char *url = call->count > 0 ? call->arguments[0] : NULL;
    bool probes = mr_call_option(call, "probe");
    mr_status status = check_options(call);
    if (status)
        return status;
    if (!url) {
        status = mr_call_config(call, &config);
        if (status)
            return status;
        url = probes ? config->http.probe_listen : config->http.listen;
    }
    if (probes)
        status = probe(url, mr_call_option(call, "ready"));
    else if (mr_call_option(call, "watch"))
        status = watch(url);
    else
        status = show(url, mr_call_json(call));
    mr_config_free(config);
    return status;
}
