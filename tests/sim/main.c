/* The simulator's command line: many seeds on several processes, or one seed with its history. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "checker.h"
#include "shrink.h"

#define JOBS_MAX     64
#define FAILURES_MAX 16
#define MANY         1000 /* seeds, of which one must have done each thing that is counted */

static const char usage[] =
    "usage: tests/sim/run [--seeds N] [--from SEED] [--seconds S] [--jobs N] [--forever] [--stop-at-first]\n"
    "       tests/sim/run --seed SEED [--verbose] [--no-shrink] [--cut LIST] [--events PERCENT] [--instances "
    "N] [--partitions N]\n"
    "\n"
    "Runs Millrace's own code in a simulated world and checks its invariants after every step: "
    "docs/simulator.md.\n"
    "\n"
    "  --seeds N         how many seeds (2000)\n"
    "  --from SEED       the first one (1)\n"
    "  --seconds S       stop after so many seconds\n"
    "  --forever         go on until interrupted\n"
    "  --jobs N          processes (the number of processors)\n"
    "  --stop-at-first   end at the first seed that fails\n"
    "  --twice           run each seed twice: both runs must be the same\n"
    "  --no-shrink       do not make failing seeds small\n"
    "  --seed SEED       one seed; a failing one is made small and its history printed\n"
    "  --verbose         print the history even when nothing fails\n"
    "  --cut LIST, --events, --instances, --partitions   what the shrinker has found; it prints the command\n"
    "\n"
    "Exit status: 0 when nothing was violated, 1 when a seed failed, 2 for a wrong command line.\n";

typedef struct options {
    uint64_t seeds, from, seconds, seed;
    uint32_t jobs;
    bool forever, one, verbose, first, twice, no_shrink;
    sim_plan plan; /* of --seed */
} options;

typedef struct job {
    _Atomic uint64_t running; /* the seed that it is at */
    _Atomic uint64_t done, failed, steps;
    uint64_t failures[FAILURES_MAX];
    uint64_t counts[SIM_COUNT_COUNT];
} job;

/* Shared with the jobs. */
static struct shared {
    _Atomic bool stop;
    _Atomic uint64_t next;
    job jobs[JOBS_MAX];
} * shared;

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void interrupted(int signal)
{
    (void)signal;
    if (shared)
        atomic_store(&shared->stop, true);
}

/* ---- many seeds ---- */

static bool run_seed(const options *o, uint64_t seed)
{
    static sim_result result, again;
    sim_plan plan = SIM_PLAN(seed);
    seed_run(&plan, &result);
    bool failed = result.failed;
    if (failed)
        printf("seed %llu failed: %s: %s\n", (unsigned long long)seed, result.invariant, result.text);
    if (o->twice) {
        seed_run(&plan, &again);
        if (again.hash != result.hash || again.steps != result.steps) {
            printf("seed %llu is not the same twice: %016llx and %016llx\n", (unsigned long long)seed,
                   (unsigned long long)result.hash, (unsigned long long)again.hash);
            failed = true;
        }
    }
    fflush(stdout);
    return !failed;
}

static void run_job(const options *o, job *self)
{
    uint64_t end = o->seconds ? now_ms() + o->seconds * 1000 : UINT64_MAX;
    while (!atomic_load(&shared->stop) && now_ms() < end) {
        uint64_t seed = atomic_fetch_add(&shared->next, 1);
        if (!o->forever && seed >= o->from + o->seeds)
            break;
        atomic_store(&self->running, seed);
        if (!run_seed(o, seed)) {
            uint64_t failed = atomic_fetch_add(&self->failed, 1);
            if (failed < FAILURES_MAX)
                self->failures[failed] = seed;
            if (o->first)
                atomic_store(&shared->stop, true);
        }
        atomic_fetch_add(&self->done, 1);
        memcpy(self->counts, sim_counts, sizeof self->counts);
    }
    atomic_store(&self->running, 0);
}

static void add_up(const options *o, job *sum)
{
    memset(sum, 0, sizeof *sum);
    for (uint32_t i = 0; i < o->jobs; i++) {
        const job *one = &shared->jobs[i];
        for (uint64_t f = 0; f < one->failed && f < FAILURES_MAX && sum->failed < FAILURES_MAX; f++)
            sum->failures[sum->failed++] = one->failures[f];
        sum->done += one->done;
        for (uint32_t c = 0; c < SIM_COUNT_COUNT; c++)
            sum->counts[c] += one->counts[c];
    }
    sum->failed = 0;
    for (uint32_t i = 0; i < o->jobs; i++)
        sum->failed += shared->jobs[i].failed;
}

/* Waits for the jobs, and says now and then how far they are. */
static void wait_for_jobs(const options *o, const pid_t *jobs)
{
    uint64_t said = now_ms();
    for (uint32_t running = o->jobs; running > 0;) {
        int status;
        pid_t ended = waitpid(-1, &status, WNOHANG);
        if (ended <= 0) {
            usleep(20000);
            if (now_ms() > said + 10000) {
                uint64_t done = 0;
                for (uint32_t i = 0; i < o->jobs; i++)
                    done += shared->jobs[i].done;
                printf("sim: %llu seeds\n", (unsigned long long)done);
                fflush(stdout);
                said = now_ms();
            }
            continue;
        }
        running--;
        for (uint32_t i = 0; i < o->jobs; i++) {
            job *one = &shared->jobs[i];
            if (jobs[i] != ended || (WIFEXITED(status) && WEXITSTATUS(status) == 0))
                continue;
            printf("seed %llu failed: the process ended with %d\n", (unsigned long long)one->running,
                   WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
            if (one->failed < FAILURES_MAX)
                one->failures[one->failed] = one->running;
            one->failed++;
        }
    }
}

static bool print_totals(const job *sum)
{
    bool all = true;
    for (uint32_t i = 0; i < SIM_COUNT_COUNT; i++) {
        printf("%12llu  %s\n", (unsigned long long)sum->counts[i], sim_count_name((sim_count)i));
        all = all && sum->counts[i] > 0;
    }
    if (!all && sum->done >= MANY)
        printf("sim: something was never done: the checks of it say nothing\n");
    return all || sum->done < MANY;
}

/* ---- one seed ---- */

static void print_command(const sim_plan *plan)
{
    printf("tests/sim/run --seed %llu --verbose", (unsigned long long)plan->seed);
    if (plan->events_percent < 100)
        printf(" --events %u", plan->events_percent);
    if (plan->instances_most < 3)
        printf(" --instances %u", plan->instances_most);
    if (plan->partitions_most < 6)
        printf(" --partitions %u", plan->partitions_most);
    const char *before = " --cut ";
    for (uint32_t fault = 0; fault < SIM_FAULT_COUNT; fault++)
        if (plan->off[fault]) {
            printf("%s%s", before, sim_fault_name((sim_fault)fault));
            before = ",";
        }
    for (uint32_t i = 0; i < plan->cut_count; i++) {
        uint32_t fault = plan->cuts[i] >> 24;
        if (plan->off[fault])
            continue;
        printf("%s%s:%u", before, sim_fault_name((sim_fault)fault), plan->cuts[i] & 0xffffff);
        before = ",";
    }
    printf("\n");
}

static int run_one(sim_plan *plan, bool shrink, bool verbose)
{
    static sim_result result;
    bool was_verbose = plan->verbose;
    plan->verbose = verbose && !shrink;
    seed_run(plan, &result);
    if (result.failed && shrink) {
        uint32_t runs = seed_shrink(plan, &result);
        printf("\nseed %llu, made small in %u runs:\n", (unsigned long long)plan->seed, runs);
    }
    plan->verbose = verbose || result.failed || was_verbose;
    if (plan->verbose) {
        seed_run(plan, &result);
        sim_print_history();
    }
    printf("seed %llu: %s%s%s, %.1f s simulated, %llu steps, history %016llx\n",
           (unsigned long long)plan->seed, result.failed ? "VIOLATED " : "well",
           result.failed ? result.invariant : "", result.failed ? "" : "", (double)result.end_us / 1e6,
           (unsigned long long)result.steps, (unsigned long long)result.hash);
    if (result.failed) {
        printf("%s\nagain: ", result.text);
        print_command(plan);
    }
    fflush(stdout);
    return result.failed;
}

/* ---- the command line ---- */

static bool add_cut(sim_plan *plan, const char *item, size_t len)
{
    for (uint32_t fault = 0; fault < SIM_FAULT_COUNT; fault++) {
        const char *name = sim_fault_name((sim_fault)fault);
        size_t name_len = strlen(name);
        if (len < name_len || memcmp(item, name, name_len) != 0)
            continue;
        if (len == name_len)
            plan->off[fault] = true;
        else if (item[name_len] == ':' && plan->cut_count < SIM_CUTS_MAX)
            plan->cuts[plan->cut_count++] = fault << 24 | (uint32_t)strtoul(item + name_len + 1, NULL, 10);
        else
            continue;
        return true;
    }
    return false;
}

static bool add_cuts(sim_plan *plan, const char *list)
{
    while (*list) {
        size_t len = strcspn(list, ",");
        if (!add_cut(plan, list, len))
            return false;
        list += len + (list[len] == ',');
    }
    return true;
}

static bool parse(int count, char **arguments, options *o)
{
    enum {
        SEEDS = 256,
        FROM,
        SECONDS,
        JOBS,
        FOREVER,
        FIRST,
        TWICE,
        NO_SHRINK,
        SEED,
        VERBOSE,
        CUT,
        EVENTS,
        INSTANCES,
        PARTITIONS,
        HELP
    };
    static const struct option known[] = {{"seeds", 1, NULL, SEEDS},
                                          {"from", 1, NULL, FROM},
                                          {"seconds", 1, NULL, SECONDS},
                                          {"jobs", 1, NULL, JOBS},
                                          {"forever", 0, NULL, FOREVER},
                                          {"stop-at-first", 0, NULL, FIRST},
                                          {"twice", 0, NULL, TWICE},
                                          {"no-shrink", 0, NULL, NO_SHRINK},
                                          {"seed", 1, NULL, SEED},
                                          {"verbose", 0, NULL, VERBOSE},
                                          {"cut", 1, NULL, CUT},
                                          {"events", 1, NULL, EVENTS},
                                          {"instances", 1, NULL, INSTANCES},
                                          {"partitions", 1, NULL, PARTITIONS},
                                          {"help", 0, NULL, HELP},
                                          {NULL, 0, NULL, 0}};
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    *o = (options){.seeds = 2000, .from = 1, .jobs = cpus > 0 ? (uint32_t)cpus : 1, .plan = SIM_PLAN(0)};
    for (int option; (option = getopt_long(count, arguments, "", known, NULL)) != -1;) {
        uint64_t number = optarg ? strtoull(optarg, NULL, 10) : 0;
        bool well = true;
        switch (option) {
        case SEEDS:
            o->seeds = number;
            break;
        case FROM:
            o->from = number;
            break;
        case SECONDS:
            o->seconds = number;
            o->forever = true;
            break;
        case JOBS:
            o->jobs = (uint32_t)number;
            break;
        case FOREVER:
            o->forever = true;
            break;
        case FIRST:
            o->first = true;
            break;
        case TWICE:
            o->twice = true;
            break;
        case NO_SHRINK:
            o->no_shrink = true;
            break;
        case SEED:
            o->one = true;
            o->plan.seed = number;
            break;
        case VERBOSE:
            o->verbose = true;
            break;
        case CUT:
            well = add_cuts(&o->plan, optarg);
            break;
        case EVENTS:
            o->plan.events_percent = (uint32_t)number;
            break;
        case INSTANCES:
            o->plan.instances_most = (uint32_t)number;
            break;
        case PARTITIONS:
            o->plan.partitions_most = (uint32_t)number;
            break;
        case HELP:
            fputs(usage, stdout);
            exit(0);
        default:
            well = false;
        }
        if (!well)
            return false;
    }
    o->jobs = o->jobs > JOBS_MAX ? JOBS_MAX : o->jobs;
    return optind == count && o->jobs > 0 && o->plan.partitions_most > 0 && o->plan.instances_most > 0;
}

static int run_many(const options *o)
{
    static job sum;
    pid_t jobs[JOBS_MAX];
    uint64_t began = now_ms();
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return 2;
    atomic_store(&shared->next, o->from);
    signal(SIGINT, interrupted);
    signal(SIGTERM, interrupted);
    for (uint32_t i = 0; i < o->jobs; i++)
        if ((jobs[i] = fork()) == 0) {
            run_job(o, &shared->jobs[i]);
            _exit(0);
        }
    wait_for_jobs(o, jobs);
    add_up(o, &sum);
    for (uint64_t i = 0; !o->no_shrink && i < sum.failed && i < (o->first ? 1 : 3); i++) {
        fflush(stdout);
        if (fork() == 0) { /* it may not survive it */
            sim_plan plan = SIM_PLAN(sum.failures[i]);
            run_one(&plan, true, false);
            _exit(0);
        }
        wait(NULL);
    }
    bool all = print_totals(&sum);
    printf("sim: %llu seeds, %llu failed, %llu s\n", (unsigned long long)sum.done,
           (unsigned long long)sum.failed, (unsigned long long)(now_ms() - began + 500) / 1000);
    return sum.failed > 0 || !all;
}

int main(int count, char **arguments)
{
    static options o;
    if (!parse(count, arguments, &o)) {
        fputs(usage, stderr);
        return 2;
    }
    if (o.one)
        return run_one(&o.plan, !o.no_shrink && o.plan.cut_count == 0, o.verbose);
    return run_many(&o);
}
