/* bench_watch: looks at a program while it fills two databases, and says how fast it was and what it cost.
 *
 *   bench_watch --rows N --table NAME... --program PID [--database PID]... [--broker PID] [--patience S] SOCKET...
 *
 * Every 50 ms: the rows that the servers have been given (Handler_write: a counter, no table is read), the processes' CPU, the program's
 * highest resident memory.  Measured is the time between the first look that sees a row and the first that sees them all, and what was
 * written and spent between these two: neither a JVM's start nor a group's joining counts for or against anybody.
 * Prints one JSON line; on a terminal, meanwhile, how far it is.  Exit 1 when the program has ended before all rows were there, or no row came
 * for S seconds (120).
 *
 * A server may count its answer to our question as well (MySQL: as one row), which is found out at the beginning and taken off: else nothing would ever be
 * quiet, and the last row would come when we stop looking.
 *
 * Counted when they are given to the server, so the last batch's commit (milliseconds) is not in it.  What was given twice (a batch that is
 * repeated) is found in the end: the tables NAME (of every server) are counted, and when rows are missing it goes on.  What was given and not
 * committed yet counts as missing then, so they are counted again when nothing more is given for two seconds.  One thread.
 */
#include <getopt.h>
#include <mysql.h>
#include <stdbool.h>
#include <unistd.h>

#include "../tools/tool.h"
#include "app/progress.h"

enum { PROCESSES_MAX = 8, SERVERS_MAX = 4, TABLES_MAX = 64, LOOK_MS = 50, QUIET_US = 2000000 };

typedef struct process {
    enum { PROGRAM, DATABASE, BROKER, KINDS } kind;
    int pid;
} process;

typedef struct look {
    uint64_t at_us, rows;
    double cpu_us[KINDS];
} look;

typedef struct watch {
    process process[PROCESSES_MAX];
    int processes, servers, tables;
    const char *table[TABLES_MAX];
    MYSQL *server[SERVERS_MAX];
    uint64_t before[SERVERS_MAX];     /* the counter when the watch began */
    uint64_t own[SERVERS_MAX], asked; /* what a question adds to it; how often all were asked since */
    uint64_t rows, patience_s;
    double last_us[PROCESSES_MAX]; /* of one that has ended: what it was */
    uint64_t rss_kib;
    bool ended; /* the program */
} watch;

/* The number in a column of a statement's only row. */
static uint64_t ask(MYSQL *server, const char *statement, int column)
{
    if (mysql_query(server, statement))
        die("%s", mysql_error(server));
    MYSQL_RES *result = mysql_store_result(server);
    MYSQL_ROW row = result ? mysql_fetch_row(result) : NULL;
    if (!row)
        die("no answer to: %s", statement);
    uint64_t value = strtoull(row[column], NULL, 10);
    mysql_free_result(result);
    return value;
}

static uint64_t handed(MYSQL *server)
{
    return ask(server, "SHOW GLOBAL STATUS LIKE 'Handler_write'", 1);
}

/* What a question adds to the counter: the least of a few, for somebody may be writing already. */
static uint64_t own(MYSQL *server)
{
    uint64_t least = UINT64_MAX;
    for (uint64_t i = 0, before = handed(server), now; i < 8; i++, before = now) {
        now = handed(server);
        least = now - before < least ? now - before : least;
    }
    return least;
}

static uint64_t there(const watch *w)
{
    char statement[256];
    uint64_t sum = 0;
    for (int i = 0; i < w->servers; i++)
        for (int j = 0; j < w->tables; j++) {
            snprintf(statement, sizeof statement, "SELECT COUNT(*) FROM %s", w->table[j]);
            sum += ask(w->server[i], statement, 0);
        }
    return sum;
}

/* False when there is no such process any more. */
static bool cpu_us(int pid, double *us)
{
    char path[64], text[1024];
    unsigned long user, system;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    if (!file)
        return false;
    size_t len = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[len] = 0;
    const char *at = strrchr(text, ')');
    if (!at || sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
        return false;
    *us = (double)(user + system) * 1e6 / (double)sysconf(_SC_CLK_TCK);
    return true;
}

static void see_memory(watch *w, int pid)
{
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file)) {
        uint64_t kib;
        if (sscanf(line, "VmHWM: %lu", &kib) == 1 && kib > w->rss_kib)
            w->rss_kib = kib;
    }
    if (file)
        fclose(file);
}

static look see(watch *w)
{
    look now = {.at_us = tool_now_us()};
    for (int i = 0; i < w->processes; i++) {
        const process *p = &w->process[i];
        bool alive = cpu_us(p->pid, &w->last_us[i]);
        now.cpu_us[p->kind] += w->last_us[i];
        if (p->kind == PROGRAM) {
            w->ended = !alive;
            see_memory(w, p->pid);
        }
    }
    w->asked++;
    for (int i = 0; i < w->servers; i++)
        now.rows += handed(w->server[i]) - w->before[i] - w->own[i] * w->asked;
    return now;
}

static void until_all(watch *w, look *first, look *last)
{
    uint64_t moved_us = tool_now_us(), counted_us = moved_us, wanted = w->rows, have;
    bool terminal = isatty(STDERR_FILENO);
    mr_progress progress = mr_progress_begin("rows");
    *last = (look){0};
    for (;;) {
        look now = see(w);
        if (!last->rows && now.rows)
            *first = now;
        if (now.rows > last->rows) {
            moved_us = now.at_us;
            *last = now;
        }
        if (terminal)
            mr_progress_tell(&progress, now.rows, wanted, "");
        bool quiet = now.at_us > moved_us + QUIET_US && now.at_us > counted_us + QUIET_US;
        if (now.rows >= wanted || quiet) {
            if ((have = there(w)) >= w->rows)
                break;
            wanted = now.rows + (w->rows - have);
            counted_us = tool_now_us();
        }
        bool stuck = now.at_us - moved_us > w->patience_s * 1000000;
        if (w->ended || stuck)
            mr_progress_end(&progress);
        if (w->ended)
            die("the program ended after %lu of %lu rows", now.rows, wanted);
        if (stuck)
            die("no row for %lu s, after %lu of %lu", w->patience_s, now.rows, wanted);
        tool_sleep_ms(LOOK_MS);
    }
    mr_progress_end(&progress);
}

static void add(watch *w, int kind, const char *name, const char *pid)
{
    if (w->processes == PROCESSES_MAX)
        die("at most %d processes", PROCESSES_MAX);
    process *p = &w->process[w->processes++];
    p->kind = kind;
    p->pid = (int)tool_number(name, pid);
}

static void parse(watch *w, int argc, char **argv)
{
    static const struct option names[] = {{"rows", 1, NULL, 'r'},
                                          {"program", 1, NULL, 'p'},
                                          {"database", 1, NULL, 'd'},
                                          {"broker", 1, NULL, 'b'},
                                          {"table", 1, NULL, 't'},
                                          {"patience", 1, NULL, 's'},
                                          {0}};
    int at;
    w->patience_s = 120;
    while ((at = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (at) {
        case 'r':
            w->rows = (uint64_t)tool_number("--rows", optarg);
            break;
        case 's':
            w->patience_s = (uint64_t)tool_number("--patience", optarg);
            break;
        case 't':
            if (w->tables == TABLES_MAX)
                die("at most %d tables", TABLES_MAX);
            w->table[w->tables++] = optarg;
            break;
        case 'p':
            add(w, PROGRAM, "--program", optarg);
            break;
        case 'd':
            add(w, DATABASE, "--database", optarg);
            break;
        case 'b':
            add(w, BROKER, "--broker", optarg);
            break;
        default:
            exit(2);
        }
    }
    if (!w->rows || !w->processes || !w->tables || optind == argc || argc - optind > SERVERS_MAX) {
        fputs("usage: see the head of watch.c\n", stderr);
        exit(2);
    }
    for (int i = optind; i < argc; i++) {
        MYSQL *server = mysql_init(NULL);
        if (!mysql_real_connect(server, NULL, "root", NULL, NULL, 0, argv[i], 0))
            die("%s: %s", argv[i], mysql_error(server));
        w->own[w->servers] = own(server);
        w->before[w->servers] = handed(server);
        w->server[w->servers++] = server;
    }
}

int main(int argc, char **argv)
{
    static watch w;
    look first = {0}, last;
    parse(&w, argc, argv);
    until_all(&w, &first, &last);
    double rows = (double)w.rows * (1 - (double)first.rows / (double)last.rows),
           seconds = (double)(last.at_us - first.at_us) / 1e6;
    if (rows < 1)
        die("all rows came within %d ms: too few to measure", LOOK_MS);
    double each[KINDS];
    for (int i = 0; i < KINDS; i++)
        each[i] = (last.cpu_us[i] - first.cpu_us[i]) / rows;
    printf(
        "{\"per_second\":%.0f,\"seconds\":%.3f,\"program_us\":%.3f,\"database_us\":%.3f,\"broker_us\":%.3f,"
        "\"rss_mib\":%.0f}\n",
        rows / seconds, seconds, each[PROGRAM], each[DATABASE], each[BROKER], (double)w.rss_kib / 1024);
    for (int i = 0; i < w.servers; i++)
        mysql_close(w.server[i]);
    return 0;
}
