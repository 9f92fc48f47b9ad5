/* config --starter */
#include <string.h>
#include <unistd.h>

#include "app/command.h"
#include "app/progress.h"
#include "edges/kafka_sample.h"
#include "stages/starter.h"

#define SAMPLE 500

/* What the two callbacks work on. */
typedef struct work {
    mr_sample *sample;
    mr_progress progress;
} work;

static void each(void *context, const mr_event *event)
{
    work *w = context;
    mr_sample_add(w->sample, event->value, event->value_len, event->key != NULL);
}

static void progress(void *context, uint32_t seen, uint32_t wanted)
{
    work *w = context;
    mr_progress_tell(&w->progress, seen, wanted, "");
}

/* A configuration that only says which brokers there are. */
static mr_status of_brokers(const char *brokers, mr_config **config)
{
    char text[4096];
    mr_findings findings = {0};
    mr_buf buf = mr_buf_over(text, sizeof text);
    mr_buf_text(&buf, "{\"kafka\":{\"bootstrap_servers\":");
    mr_buf_json(&buf, brokers, strlen(brokers));
    mr_buf_text(
        &buf,
        ",\"group_id\":\"millrace\"},\"streams\":[{\"name\":\"t\",\"topic\":\"t\",\"table\":\"t\",\"id\":{"
        "\"column\":\"id\",\"from\":\"ksuid\"},\"columns\":[{\"name\":\"c\",\"from\":\"c\",\"type\":"
        "\"bool\"}]}],\"shards\":[{\"name\":\"s\",\"host\":\"h\",\"user\":\"u\",\"database\":\"d\"}],"
        "\"memory\":{\"fetch_mib\":16}}");
    if (buf.full)
        return mr_complain(MR_USAGE, "--brokers is too long: a few of them are enough");
    mr_status status = mr_config_parse("--brokers", text, buf.len, NULL, config, &findings);
    mr_print_findings(&findings, stderr, false);
    mr_findings_free(&findings);
    return status;
}

static mr_status read_options(const mr_call *call, uint32_t *events, mr_config **config)
{
    const char *brokers = mr_call_option(call, "brokers");
    *events = (uint32_t)mr_call_number(call, "sample", SAMPLE);
    if (brokers)
        return of_brokers(brokers, config);
    if (access(call->config_file, F_OK) != 0)
        return mr_complain(MR_USAGE,
                           "no brokers are named: give --brokers HOST:PORT, or with -c FILE a configuration "
                           "whose \"kafka\" says it");
    return mr_call_config(call, config);
}

mr_status mr_cmd_starter(mr_call *call)
{
    const char *topic = mr_call_option(call, "topic");
    mr_config *config = NULL;
    mr_starter starter;
    mr_error error;
    uint32_t events;
    if (!topic && (mr_call_option(call, "brokers") || mr_call_option(call, "sample")))
        return mr_complain(MR_USAGE, "--brokers and --sample belong to --topic: name the topic to look at");
    if (!topic) {
        mr_starter_example(stdout);
        return MR_OK;
    }
    mr_status status = read_options(call, &events, &config);
    if (status)
        return status;
    mr_arena *arena = mr_arena_new();
    work w = {.sample = mr_sample_new(arena, events), .progress = mr_progress_begin("events read")};
    mr_kafka_sampling sampling = {topic, events, each, progress, &w};
    status = mr_kafka_sample(config, &sampling, &error);
    mr_progress_end(&w.progress);
    if (!status)
        status = mr_starter_check(w.sample, topic, &error);
    if (status) {
        mr_complain(status, "%s", error.text);
    } else {
        mr_starter_propose(w.sample, &starter);
        mr_starter_print(w.sample, &starter, config, topic, stdout);
    }
    mr_sample_free(w.sample);
    mr_arena_free(arena);
    mr_config_free(config);
    return status;
}
