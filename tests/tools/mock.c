/* tools_mock: an embedded Kafka for the demo: librdkafka's mock cluster in a program of its own.
 *
 *   tools_mock [--brokers N] TOPIC:PARTITIONS...
 *
 * Prints its bootstrap address on stdout as soon as it answers, and stays until SIGINT or SIGTERM, or until its stdin is closed
 * (so that it does not outlive the script that started it).  A line `errors REQUEST COUNT CODE` on stdin lets the next COUNT requests of a
 * kind fail, by Kafka's numbers (8 is OffsetCommit, 22 ILLEGAL_GENERATION).  It lives in memory and keeps 5 MiB or 100,000 message sets a
 * partition: who produces has to keep pace with who consumes (tools_produce --group --ahead).
 */
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "tool.h"

#include <librdkafka/rdkafka_mock.h> /* wants rdkafka.h first */

static void make_topic(rd_kafka_mock_cluster_t *cluster, const char *text)
{
    char name[256];
    const char *colon = strrchr(text, ':');
    if (!colon || (size_t)(colon - text) >= sizeof name)
        die("a topic is written NAME:PARTITIONS, not '%s'", text);
    memcpy(name, text, (size_t)(colon - text));
    name[colon - text] = 0;
    rd_kafka_resp_err_t err =
        rd_kafka_mock_topic_create(cluster, name, (int)tool_number("PARTITIONS", colon + 1), 1);
    if (err)
        die("topic %s: %s", name, rd_kafka_err2str(err));
}

static void obey(rd_kafka_mock_cluster_t *cluster, const char *line)
{
    int request, count, code;
    if (sscanf(line, "errors %d %d %d", &request, &count, &code) != 3 || request < 0 || count < 1 ||
        count > 100)
        die("not understood: %s", line);
    rd_kafka_resp_err_t errors[100];
    for (int i = 0; i < count; i++)
        errors[i] = (rd_kafka_resp_err_t)code;
    rd_kafka_mock_push_request_errors_array(cluster, (int16_t)request, (size_t)count, errors);
}

/* Lines come whole: who writes them writes one at a time. */
static void wait_for_end(rd_kafka_mock_cluster_t *cluster, int signals)
{
    struct pollfd wake[] = {{.fd = signals, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
    char line[256];
    for (;;) {
        if (poll(wake, 2, -1) < 0 && errno != EINTR)
            die("poll: %s", strerror(errno));
        if (wake[0].revents)
            return;
        if (!wake[1].revents)
            continue;
        ssize_t got = read(STDIN_FILENO, line, sizeof line - 1);
        if (got <= 0)
            return;
        line[got] = 0;
        obey(cluster, line);
    }
}

int main(int argc, char **argv)
{
    int brokers = 1, first = 1;
    sigset_t ends;
    if (argc > 2 && !strcmp(argv[1], "--brokers")) {
        brokers = (int)tool_number("--brokers", argv[2]);
        first = 3;
    }
    if (first >= argc || !strcmp(argv[first], "--help")) {
        fputs("usage: tools_mock [--brokers N] TOPIC:PARTITIONS...\n", first < argc ? stdout : stderr);
        return first < argc ? 0 : 2;
    }
    /* Before librdkafka starts threads: the signals are for us alone. */
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    int signals = signalfd(-1, &ends, SFD_CLOEXEC);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    tool_set(conf, "log_level", "2"); /* it has no brokers of its own to talk to, and would say so */
    rd_kafka_t *client = tool_client(RD_KAFKA_PRODUCER, conf);
    rd_kafka_mock_cluster_t *cluster = rd_kafka_mock_cluster_new(client, brokers);
    if (!cluster || signals < 0)
        die("the mock cluster does not start");
    for (int i = first; i < argc; i++)
        make_topic(cluster, argv[i]);
    puts(rd_kafka_mock_cluster_bootstraps(cluster));
    fflush(stdout);
    wait_for_end(cluster, signals);
    rd_kafka_mock_cluster_destroy(cluster);
    rd_kafka_destroy(client);
    close(signals);
    return 0;
}
