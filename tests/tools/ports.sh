# ports.sh: a free loopback port; sourced.
# shellcheck shell=bash

# Below the ephemeral range.  Somebody else may take it before its server does; then that start fails.
port_from() { # first, how many from there on
    local port
    while port=$(($1 + RANDOM % $2)) && (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
    echo "$port"
}

free_port() { port_from 20000 12000; }
