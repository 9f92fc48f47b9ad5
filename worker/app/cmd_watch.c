/* status --watch
 *
 * The terminal is given back as it was, however the watching ends: signals are taken from a descriptor between the questions, none interrupts,
 * and the one that ended it is raised again afterwards, so that a shell sees it.
 */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "app/command.h"
#include "app/status_screen.h"
#include "base/clock.h"
#include "cmd_status_private.h"

#define WATCH_MS   1000
#define TIMEOUT_MS 2000  /* of a question: a signal waits for it */
#define LINE_MS    10000 /* without a terminal, when nothing changes */

typedef struct watching {
    const char *url;
    json_t *document; /* the last one; NULL: none yet */
    mr_error error;   /* of the last question; "" when it was answered */
    int signals;      /* a descriptor */
    bool colour, typed;
    struct termios before; /* holds when `typed` */
} watching;

/* ---- the terminal ---- */

static void enter(watching *w)
{
    w->typed = isatty(STDIN_FILENO) && !tcgetattr(STDIN_FILENO, &w->before);
    if (w->typed) {
        struct termios quiet = w->before;
        quiet.c_lflag &= ~(tcflag_t)(ECHO | ICANON);
        tcsetattr(STDIN_FILENO, TCSADRAIN, &quiet);
    }
    fputs("\033[?1049h\033[?25l\033[?7l\033[2J", stdout);
}

static void leave(watching *w)
{
    fputs("\033[0m\033[?7h\033[?25h\033[?1049l", stdout);
    fflush(stdout);
    if (w->typed)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &w->before);
}

static void paint(watching *w)
{
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    mr_screen screen = {.rows = size.ws_row ? size.ws_row : 24,
                        .columns = size.ws_col ? size.ws_col : 80,
                        .colour = w->colour,
                        .trouble = w->error.text};
    mr_status_screen(w->document, &screen, stdout);
    fflush(stdout);
}

/* ---- asking ---- */

static mr_status ask(watching *w)
{
    json_t *document;
    mr_status status = mr_status_fetch(w->url, TIMEOUT_MS, &document, &w->error);
    if (status)
        return status;
    *w->error.text = 0;
    json_decref(w->document);
    w->document = document;
    return MR_OK;
}

/* Waits for the next question; returns the signal that came meanwhile, 0 for none, -1 for the key q.  A screen is painted anew when its size changes,
 * and when the program has been in the background. */
static int await(watching *w, bool screen)
{
    uint64_t until = mr_clock_ms() + WATCH_MS;
    for (uint64_t now; (now = mr_clock_ms()) < until;) {
        struct pollfd wake[] = {{.fd = w->signals, .events = POLLIN},
                                {.fd = screen && w->typed ? STDIN_FILENO : -1, .events = POLLIN}};
        struct signalfd_siginfo signal;
        char key;
        poll(wake, 2, (int)(until - now));
        if (wake[0].revents & POLLIN && read(w->signals, &signal, sizeof signal) == sizeof signal) {
            if (signal.ssi_signo == SIGTSTP && screen) {
                leave(w);
                raise(SIGSTOP);
                enter(w);
            }
            if (signal.ssi_signo != SIGWINCH && signal.ssi_signo != SIGTSTP)
                return (int)signal.ssi_signo;
            if (screen)
                paint(w);
        }
        if (wake[1].revents & (POLLIN | POLLHUP)) {
            if (read(STDIN_FILENO, &key, 1) != 1)
                w->typed = false;
            else if (key == 'q')
                return -1;
        }
    }
    return 0;
}

/* ---- on a terminal, and without one ---- */

static int watch_screen(watching *w)
{
    int ended = 0;
    enter(w);
    while (!ended && !ferror(stdout)) {
        paint(w);
        ended = await(w, true);
        if (!ended)
            ask(w); /* the screen shows what is wrong */
    }
    leave(w);
    return ended;
}

/* A line when a shard's state or the trouble is another one, and now and then. */
static int watch_lines(watching *w)
{
    char line[4096], troubles[1024], before[1024] = "";
    uint64_t said_ms = 0;
    int ended = 0;
    while (!ended && !ferror(stdout)) {
        mr_buf buf = mr_buf_over(troubles, sizeof troubles);
        if (*w->error.text)
            mr_buf_text(&buf, w->error.text);
        else
            mr_status_troubles(w->document, &buf);
        uint64_t now = mr_clock_ms();
        if (said_ms == 0 || now >= said_ms + LINE_MS || strcmp(troubles, before) != 0) {
            buf = mr_buf_over(line, sizeof line);
            if (!*w->error.text)
                mr_status_line(w->document, &buf);
            puts(*w->error.text ? w->error.text : line);
            fflush(stdout);
            memcpy(before, troubles, sizeof before);
            said_ms = now;
        }
        ended = await(w, false);
        if (!ended)
            ask(w);
    }
    return ended;
}

/* ---- the watching ---- */

static bool is_set(const char *name)
{
    const char *value = getenv(name);
    return value && *value;
}

mr_status mr_status_watch(const char *url)
{
    watching w = {.url = url};
    const char *terminal = getenv("TERM");
    bool screen = isatty(STDOUT_FILENO) && terminal && strcmp(terminal, "dumb") != 0;
    sigset_t taken;
    if (ask(&w) == MR_USAGE)
        return mr_complain(MR_USAGE, "%s", w.error.text);
    sigemptyset(&taken);
    sigaddset(&taken, SIGINT);
    sigaddset(&taken, SIGTERM);
    sigaddset(&taken, SIGHUP);
    if (screen) {
        sigaddset(&taken, SIGWINCH);
        sigaddset(&taken, SIGTSTP);
    }
    sigprocmask(SIG_BLOCK, &taken, NULL);
    w.signals = signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK);
    if (w.signals < 0)
        return mr_complain(MR_UNAVAILABLE, "no descriptor for signals: raise the limit of open files");
    w.colour = screen && !is_set("NO_COLOR");
    int ended = screen ? watch_screen(&w) : watch_lines(&w);
    bool broken = ferror(stdout);
    json_decref(w.document);
    close(w.signals);
    sigprocmask(SIG_UNBLOCK, &taken, NULL);
    if (ended > 0)
        raise(ended);
    return broken ? MR_UNAVAILABLE : MR_OK;
}
