#include "edges/http_listen.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 64

bool mr_http_split(const char *text, mr_http_place *to)
{
    const char *colon = strrchr(text, ':'), *host = text;
    if (!colon)
        return false;
    size_t len = (size_t)(colon - text), digits = strspn(colon + 1, "0123456789");
    if (len >= 2 && text[0] == '[' && colon[-1] == ']') {
        host = text + 1;
        len -= 2;
        if (!memchr(host, ':', len))
            return false;
    } else if (memchr(text, ':', len)) {
        return false; /* IPv6 without brackets: where does the port begin? */
    }
    if (len >= sizeof to->host || digits == 0 || digits > 5 || colon[1 + digits] ||
        strtoul(colon + 1, NULL, 10) > 65535)
        return false;
    memcpy(to->host, host, len);
    to->host[len] = 0;
    memcpy(to->port, colon + 1, digits + 1);
    to->any = len == 0 || strcmp(to->host, "::") == 0;
    return true;
}

/* A listening socket on one address; -1 with errno. */
static int listen_on(const struct addrinfo *at)
{
    int yes = 1, no = 0;
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (at->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
    if (bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int was = errno;
    close(fd);
    errno = was;
    return -1;
}

/* The first address of a host that takes it; -1 with errno or *resolver's error. */
static int listen_at(const char *host, const char *port, int *resolver)
{
    struct addrinfo wish = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM},
                    *found = NULL;
    int fd = -1;
    *resolver = getaddrinfo(host, port, &wish, &found);
    if (*resolver != 0)
        return -1;
    for (const struct addrinfo *at = found; at && fd < 0; at = at->ai_next)
        fd = listen_on(at);
    int was = errno;
    freeaddrinfo(found);
    errno = was;
    return fd;
}

static mr_status explain(const char *key, const char *address, int resolver, mr_error *error)
{
    if (resolver != 0)
        return mr_fail(error, MR_CONFIG,
                       "%s: cannot find the address %s, %s: give one of this machine's addresses", key,
                       address, gai_strerror(resolver));
    if (errno == EACCES || errno == EPERM)
        return mr_fail(error, MR_DENIED, "%s: not allowed to listen on %s: choose a port from 1024 on", key,
                       address);
    if (errno == EADDRINUSE)
        return mr_fail(error, MR_UNAVAILABLE,
                       "%s: another program listens on %s already: stop it, or choose another port", key,
                       address);
    if (errno == EADDRNOTAVAIL)
        return mr_fail(error, MR_CONFIG,
                       "%s: this machine does not have the address %s: give one that it has", key, address);
    if (errno == EMFILE || errno == ENFILE)
        return mr_fail(error, MR_UNAVAILABLE, "%s: cannot listen on %s, %s: raise the limit of open files",
                       key, address, strerror(errno));
    return mr_fail(error, MR_UNAVAILABLE, "%s: cannot listen on %s, %s: choose another address or port", key,
                   address, strerror(errno));
}

mr_status mr_http_listen(const char *key, const char *text, int *fd, uint16_t *port, mr_error *error)
{
    mr_http_place to;
    int resolver = 0;
    *fd = -1;
    if (!mr_http_split(text, &to))
        return mr_fail(error, MR_CONFIG,
                       "%s: \"%s\" is no address to listen on: write it as [::]:7780 or 127.0.0.1:7780", key,
                       text);
    *fd = listen_at(to.any ? "::" : to.host, to.port, &resolver);
    if (*fd < 0 && to.any && (resolver != 0 || errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL))
        *fd = listen_at("0.0.0.0", to.port, &resolver); /* no IPv6 here */
    if (*fd < 0)
        return explain(key, text, resolver, error);
    struct sockaddr_storage bound;
    socklen_t len = sizeof bound;
    char number[8] = "0";
    if (getsockname(*fd, (struct sockaddr *)&bound, &len) == 0)
        getnameinfo((struct sockaddr *)&bound, len, NULL, 0, number, sizeof number, NI_NUMERICSERV);
    *port = (uint16_t)strtoul(number, NULL, 10);
    return MR_OK;
}
