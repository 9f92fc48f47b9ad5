/* status */
#include <jansson.h>
#include <string.h>

#include "app/command.h"
#include "app/status_text.h"
#include "base/text.h"
#include "cmd_status_private.h"
#include "edges/http_get.h"

#define TIMEOUT_MS  5000
#define PORT        7780
#define PROBE_PORT  7781
#define ERROR_SHOWN 1000 /* bytes of an answer that is no good */

/* What was answered, for an error: without its last line's end, and without what a terminal would obey. */
static const char *shown(mr_http_answer *answer)
{
    size_t len = answer->len < ERROR_SHOWN ? answer->len : ERROR_SHOWN;
    mr_text_tame(answer->body, len, '\n');
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
mr_status mr_status_fetch(const char *url, unsigned timeout_ms, json_t **document, mr_error *error)
{
    mr_http_question question = {url, "/status", PORT, timeout_ms};
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
    mr_status status = mr_status_fetch(url, TIMEOUT_MS, &document, &error);
    if (status)
        return mr_complain(status, "%s", error.text);
    if (json) {
        mr_print_json(document);
    } else {
        mr_status_text(document, stdout);
        json_decref(document);
    }
    return MR_OK;
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
        return mr_complain(MR_USAGE, "--watch is for people: leave out --json, or --watch");
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
        status = mr_status_watch(url);
    else
        status = show(url, mr_call_json(call));
    mr_config_free(config);
    return status;
}
