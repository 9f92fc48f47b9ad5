/* check */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "app/command.h"
#include "app/progress.h"
#include "app/worker.h"
#include "edges/kafka.h"
#include "edges/sql.h"

extern char **environ;

/* Constants that do not fit their columns, a pool that is too small. */
static void check_plan(const mr_config *config, mr_findings *findings)
{
    mr_worker *worker;
    mr_error error;
    mr_status status = mr_worker_new(config, &worker, &error);
    if (status) {
        mr_find(findings, MR_LEVEL_ERROR, status, "configuration", "", "%s", error.text);
    } else if (worker->plan.rows_page < 256) {
        mr_find(findings, MR_LEVEL_WARNING, MR_CONFIG, "memory.pool_mib", "raise it",
                "a page has room for %u records only: writing is slow below some 256",
                worker->plan.rows_page);
    }
    mr_worker_free(worker);
}

static void print_json(const mr_findings *findings, mr_status status)
{
    json_t *list = json_array();
    for (size_t i = 0; i < findings->count; i++) {
        const mr_finding *one = &findings->at[i];
        json_t *made = json_pack("{s:s, s:s, s:s, s:s}", "level", mr_level_name(one->level), "where",
                                 one->where, "what", one->what, "remedy", one->remedy);
        if (one->line) {
            json_object_set_new(made, "line", json_integer(one->line));
            json_object_set_new(made, "column", json_integer(one->column));
        }
        json_array_append_new(list, made);
    }
    mr_print_json(json_pack("{s:b, s:o}", "ok", status == MR_OK, "findings", list));
}

static void check_shards(const mr_config *config, mr_findings *findings)
{
    mr_progress progress = mr_progress_begin("shards checked");
    for (uint32_t i = 0; i < config->shard_count; i++) {
        mr_progress_tell(&progress, i, config->shard_count, config->shards[i].name);
        mr_sql_check(config, i, findings);
    }
    mr_progress_end(&progress);
}

mr_status mr_cmd_check(mr_call *call)
{
    mr_findings findings = {0};
    mr_config *config;
    bool offline = mr_call_option(call, "offline") != NULL;
    mr_status status = mr_config_load(call->config_file, environ, &config, &findings);
    if (config) {
        mr_find(&findings, MR_LEVEL_OK, MR_OK, "configuration", "",
                "%s is well-formed, %zu streams, %zu shards", call->config_file, config->stream_count,
                config->shard_count);
        check_plan(config, &findings);
        mr_kafka_check(config, offline, &findings);
        if (!offline)
            check_shards(config, &findings);
        mr_config_free(config);
        status = mr_findings_status(&findings, mr_call_option(call, "strict") != NULL);
    }
    if (mr_call_json(call))
        print_json(&findings, status);
    else
        mr_print_findings(&findings, stdout, true);
    mr_findings_free(&findings);
    return status;
}
