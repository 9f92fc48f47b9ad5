/* An address on which nothing can be listened: what is said of each reason that the system gives. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

static int bind_fails;

static int fake_bind(void)
{
    errno = bind_fails;
    return -1;
}

#define bind(fd, address, len) fake_bind()
#include "worker/edges/http_listen.c" /* with that one */

static void refuse(const char *address, mr_status status, const char *says)
{
    mr_error error = {.text = ""};
    uint16_t port;
    int fd;
    assert_int_equal(mr_http_listen("http.listen", address, &fd, &port, &error), status);
    assert_int_equal(fd, -1);
    if (!strstr(error.text, says))
        fail_msg("%s: \"%s\" does not say \"%s\"", address, error.text, says);
}

static void test_reasons(void **state)
{
    (void)state;
    static const struct {
        int reason;
        mr_status status;
        const char *says;
    } cases[] = {
        {EACCES, MR_DENIED, "http.listen: not allowed to listen on 127.0.0.1:80: choose a port from 1024 on"},
        {EPERM, MR_DENIED, "not allowed to listen on"},
        {EADDRINUSE, MR_UNAVAILABLE, "another program listens on 127.0.0.1:80 already: stop it"},
        {EADDRNOTAVAIL, MR_CONFIG,
         "this machine does not have the address 127.0.0.1:80: give one that it has"},
        {EMFILE, MR_UNAVAILABLE,
         "cannot listen on 127.0.0.1:80, Too many open files: raise the limit of open files"},
        {ENOBUFS, MR_UNAVAILABLE,
         "cannot listen on 127.0.0.1:80, No buffer space available: choose another address or port"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bind_fails = cases[i].reason;
        refuse("127.0.0.1:80", cases[i].status, cases[i].says);
    }
}

static void test_no_address(void **state)
{
    (void)state;
    refuse("7780", MR_CONFIG, "http.listen: \"7780\" is no address to listen on: write it as [::]:7780");
    /* No name either, and nobody has to be asked. */
    refuse("a..b:7780", MR_CONFIG, "http.listen: cannot find the address a..b:7780, ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_reasons), cmocka_unit_test(test_no_address)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
