/* Commands that ask Kafka, in one process with brokers (librdkafka's mock cluster): what they say when something is wrong. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "mock_cluster.h"

#include "app/command.h"
#include "base/clock.h"
#include "edges/kafka_offsets.h"

enum { PRODUCE = 0, FETCH = 1, OFFSET_COMMIT = 8 /* the protocol's numbers */, OUTPUT_MAX = 60000 };

static char folder[64], config_file[64], other_file[64];
static char said[OUTPUT_MAX];
static bool hurries;

/* The mock cluster cannot be asked for members; nobody is one. */
mr_status __wrap_mr_kafka_offsets_idle(mr_kafka_offsets *offsets, mr_error *error);

mr_status __wrap_mr_kafka_offsets_idle(mr_kafka_offsets *offsets, mr_error *error)
{
    (void)offsets;
    (void)error;
    return MR_OK;
}

/* In a hurry each look at the clock is eleven seconds later than the one before. */
uint64_t __real_mr_clock_ms(void);
uint64_t __wrap_mr_clock_ms(void);

uint64_t __wrap_mr_clock_ms(void)
{
    static uint64_t ahead_ms;
    ahead_ms += hurries ? 11000 : 0;
    return __real_mr_clock_ms() + ahead_ms;
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
    char text[1024];
    (void)state;
    mock_cluster_begin("events", 1, "", "");
    strcpy(folder, "/tmp/millrace-commands-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(config_file, sizeof config_file, "%s/config.json", folder);
    snprintf(other_file, sizeof other_file, "%s/other", folder);
    snprintf(
        text, sizeof text,
        "{\"kafka\":{\"bootstrap_servers\":\"%s\",\"group_id\":\"g\"},\"streams\":[{\"name\":\"s\","
        "\"topic\":\"events\",\"table\":\"t\",\"id\":{\"column\":\"id\",\"from\":\"ksuid\"},\"columns\":["
        "{\"name\":\"x\",\"from\":\"x\",\"type\":\"int64\"}]}],\"shards\":["
        "{\"name\":\"s0\",\"host\":\"127.0.0.1\",\"port\":1,\"user\":\"u\",\"database\":\"d\"}]}",
        rd_kafka_mock_cluster_bootstraps(cluster));
    write_file(config_file, text);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(config_file);
    unlink(other_file);
    rmdir(folder);
    mock_cluster_end();
    return 0;
}

/* What the command says, on stdout and stderr together. */
static mr_status run(char **arguments, int count)
{
    int ends[2], out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);
    assert_int_equal(pipe(ends), 0);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    fflush(stdout);
    dup2(ends[1], STDOUT_FILENO);
    dup2(ends[1], STDERR_FILENO);
    mr_status status = mr_command_main(count, arguments);
    fflush(stdout);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    ssize_t len = read(ends[0], said, sizeof said - 1);
    said[len > 0 ? len : 0] = 0;
    close(ends[0]);
    close(ends[1]);
    close(out);
    close(err);
    return status;
}

/* `line`: the command's words behind `millrace`, a blank between two. */
static void expect(mr_status status, const char *says, const char *line)
{
    char text[256], *arguments[20] = {(char[]){"millrace"}}, *rest;
    int count = 1;
    snprintf(text, sizeof text, "%s", line);
    for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        arguments[count++] = word;
    arguments[count++] = (char[]){"-c"};
    arguments[count++] = config_file;
    mr_status ended = run(arguments, count);
    if (ended != status || !strstr(said, says))
        fail_msg("%s: %d, with: %s", line, (int)ended, said);
}

static void expect_of_file(const char *text, const char *says)
{
    char line[128];
    write_file(other_file, text);
    snprintf(line, sizeof line, "offsets import %s", other_file);
    expect(MR_DATA, says, line);
}

static void produce(const char *topic)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(cluster), why, sizeof why);
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    assert_non_null(client);
    rd_kafka_topic_t *to = rd_kafka_topic_new(client, topic, NULL);
    assert_int_equal(rd_kafka_produce(to, 0, RD_KAFKA_MSG_F_COPY, (char[]){"{}"}, 2, NULL, 0, NULL), 0);
    assert_int_equal(rd_kafka_flush(client, 20000), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_topic_destroy(to);
    rd_kafka_destroy(client);
}

/* An export of this group and configuration, with what is given of partitions; the fingerprint is the worker's own. */
static void export_of(const char *partitions, const char *group, char out[1024])
{
    char rules[32] = "", *at;
    expect(MR_OK, "\"fingerprint\": \"", "offsets export");
    at = strstr(said, "\"fingerprint\": \"");
    snprintf(rules, sizeof rules, "%.16s", at + strlen("\"fingerprint\": \""));
    snprintf(out, 1024,
             "{\"millrace_offsets\":1,\"group\":\"%s\",\"fingerprint\":\"%s\",\"partitions\":[%s]}", group,
             rules, partitions);
}

static void test_exports(void **state)
{
    (void)state;
    static const char one[] = "{\"topic\":\"events\",\"partition\":0,\"committed\":0,\"metadata\":\"\"}";
    char text[1024], twice[256];
    expect_of_file("{", ": name an export of millrace's offsets");
    expect_of_file("{}", ": is no export of millrace's offsets: make one with `millrace offsets export`");
    export_of(one, "another", text);
    expect_of_file(text, ": is of the group another, not of g: take its configuration, or --force");
    export_of("7", "g", text);
    expect_of_file(text, ": entry 0 of partitions is no partition: export it again");
    export_of("{\"topic\":\"none\",\"partition\":3}", "g", text);
    expect_of_file(text, ": the streams do not take none/3 from these brokers: choose with --topic");
    snprintf(twice, sizeof twice, "%s,%s", one, one);
    export_of(twice, "g", text);
    expect_of_file(text, ": what it says of events/0 is damaged, or said twice: export it again");
    export_of(one, "g", text);
    memset(strstr(text, "\"fingerprint\":\"") + strlen("\"fingerprint\":\""), '0', 16);
    expect_of_file(text, ": is of another slot map, key or identity (0000000000000000, here ");
}

static void test_offsets(void **state)
{
    (void)state;
    char line[128];
    struct rlimit before, none;
    expect(MR_USAGE, "no topic of the streams has such a partition: see `millrace offsets show`",
           "offsets show --partition 99");
    produce("events");
    rd_kafka_mock_push_request_errors(cluster, OFFSET_COMMIT, 1,
                                      RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED);
    expect(MR_DENIED, "; look with `millrace offsets show` what stands", "offsets reset --to latest --yes");
    /* Nothing more can be written. */
    snprintf(line, sizeof line, "offsets export %s", other_file);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    none = before;
    none.rlim_cur = 0;
    setrlimit(RLIMIT_FSIZE, &none);
    unlink(other_file);
    expect(MR_UNAVAILABLE, ": could not be written whole: do not use it", line);
    setrlimit(RLIMIT_FSIZE, &before);
}

static void test_samples(void **state)
{
    (void)state;
    expect(MR_DATA, "do not know the topic zzz: create it, or see that these are the right brokers",
           "config --starter --topic zzz");
    produce("events");
    rd_kafka_mock_push_request_errors(cluster, FETCH, 3, RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE,
                                      RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE,
                                      RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE);
    expect(MR_DATA, "offsets of topic events hold no committed events: take more of them with --sample",
           "config --starter --topic events --sample 7");
    hurries = true;
    expect(MR_UNAVAILABLE, ": no event of topic events came for 10 s: see that the brokers run",
           "config --starter --topic events");
    hurries = false;
}

static void test_letters(void **state)
{
    (void)state;
    expect(MR_OK, "there is no dead-letter topic yet: see dlq.topic in `millrace config`", "dlq list");
    assert_int_equal(rd_kafka_mock_topic_create(cluster, "events.dlq", 1, 1), RD_KAFKA_RESP_ERR_NO_ERROR);
    produce("events.dlq");
    expect(MR_OK, "1 messages without a well-formed millrace.origin were left out", "dlq list");
}

/* A topic that is not there: what `check` and `offsets` say. */
static void test_no_topic(void **state)
{
    (void)state;
    char command[256];
    snprintf(command, sizeof command, "sed -i s/'\"topic\":\"events\"'/'\"topic\":\"nowhere\"'/ %s",
             config_file);
    assert_int_equal(system(command), 0);
    expect(MR_CONFIG, "topic nowhere: the brokers do not know it", "check");
    expect(MR_UNAVAILABLE,
           "the brokers do not know the topic nowhere: create it, give this login Describe on it, or",
           "offsets show");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_exports), TEST(test_offsets), TEST(test_samples),
                                       TEST(test_letters), TEST(test_no_topic)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
