/* run, version, config, ddl: commands that mostly call one thing. */
#include <jansson.h>
#include <string.h>

#include "app/command.h"
#include "app/run.h"
#include "edges/kafka.h"
#include "edges/sql.h"
#include "stages/config_reference.h"
#include "stages/schema.h"

mr_status mr_cmd_run(mr_call *call)
{
    mr_config *config;
    mr_status status = mr_call_config(call, &config);
    if (status)
        return status;
    status = mr_run(config, call->config_file);
    mr_config_free(config);
    return status;
}

mr_status mr_cmd_version(mr_call *call)
{
    static const char *const features[] = {
        "ssl",  "sasl_plain", "sasl_scram", "sasl_gssapi", "sasl_oauthbearer",
        "oidc", "lz4",        "zstd",       "gzip",        "snappy"};
    json_t *has = json_array();
    for (size_t i = 0; i < sizeof features / sizeof features[0]; i++)
        if (mr_kafka_has_feature(features[i]))
            json_array_append_new(has, json_string(features[i]));
    json_t *about = json_pack("{s:s, s:s, s:s, s:s, s:O}", "version", MILLRACE_VERSION, "compiler",
                              __VERSION__, "librdkafka", mr_kafka_library_version(), "connector_c",
                              mr_sql_library_version(), "librdkafka_features", has);
    if (mr_call_json(call)) {
        mr_print_json(json_incref(about));
    } else {
        printf("millrace %s\ncompiler %s\nlibrdkafka %s, with", MILLRACE_VERSION, __VERSION__,
               mr_kafka_library_version());
        for (size_t i = 0; i < json_array_size(has); i++)
            printf(" %s", json_string_value(json_array_get(has, i)));
        printf("\nConnector/C %s\n", mr_sql_library_version());
    }
    json_decref(about);
    json_decref(has);
    return MR_OK;
}

mr_status mr_cmd_config(mr_call *call)
{
    mr_config *config;
    if (mr_call_option(call, "reference")) {
        mr_config_reference(stdout,
                            mr_call_option(call, "markdown") ? MR_REFERENCE_MARKDOWN : MR_REFERENCE_TEXT);
        return MR_OK;
    }
    if (mr_call_option(call, "schema")) {
        mr_config_schema(stdout);
        return MR_OK;
    }
    if (mr_call_option(call, "starter"))
        return mr_cmd_starter(call);
    if (mr_call_option(call, "topic") || mr_call_option(call, "brokers") || mr_call_option(call, "sample"))
        return mr_complain(MR_USAGE, "--topic, --brokers and --sample belong to --starter: give it as well");
    mr_status status = mr_call_config(call, &config);
    if (status)
        return status;
    mr_config_print(config, stdout);
    mr_config_free(config);
    return MR_OK;
}

static mr_status print_ddl(const mr_stream *stream)
{
    char text[65536];
    mr_buf out = mr_buf_over(text, sizeof text);
    mr_schema_ddl(stream, &out);
    if (out.full)
        return mr_complain(
            MR_CONFIG,
            "stream %s: its CREATE TABLE is longer than %zu bytes: use fewer columns, or shorter "
            "names",
            stream->name, sizeof text);
    fputs(text, stdout);
    return MR_OK;
}

mr_status mr_cmd_ddl(mr_call *call)
{
    mr_config *config;
    mr_status status = mr_call_config(call, &config);
    if (status)
        return status;
    const mr_stream *one = call->count > 0 ? mr_call_stream(call, config, &status) : NULL;
    for (size_t i = 0; !status && i < config->stream_count; i++)
        if (!one || one == &config->streams[i])
            status = print_ddl(&config->streams[i]);
    mr_config_free(config);
    return status;
}
