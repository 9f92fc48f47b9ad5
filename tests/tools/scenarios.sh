# scenarios.sh: how scripts that break things are run: on servers that are started once for all, and a second time where the clock may have
# been to blame; sourced by tests/run and tests/chaos/run, from the root of the tree.
# shellcheck shell=bash disable=SC2034

skip_status=75
outcome=0 # of the last attempt
again=''  # what its line says when it took a second try
database_server=tests/tools/${MILLRACE_DATABASE:-mariadb}-server

# One Kafka and one pair of MariaDB servers for all scenarios that do not ask for their own.
with_servers() { # function
    MILLRACE_SHARED=$(mktemp -d "${TMPDIR:-/tmp}/millrace-servers.XXXXXX")
    export MILLRACE_SHARED
    # shellcheck disable=SC2064 # the folder of now
    trap "take_down '$MILLRACE_SHARED'" EXIT
    tests/tools/kafka-server start "$MILLRACE_SHARED/kafka"
    "$database_server" start "$MILLRACE_SHARED/m0"
    "$database_server" start "$MILLRACE_SHARED/m1"
    "$@"
}

take_down() { # folder
    tests/tools/kafka-server kill "$1/kafka" || true
    "$database_server" stop "$1/m0" || true
    "$database_server" stop "$1/m1" || true
    rm -rf "$1"
}

# Scenarios break servers by the clock, and machines stall: what failed is tried once more, and said.  Never a verdict about events or counters.
attempt() { # file for the output, command...
    local out=$1
    shift
    outcome=0 again=''
    "$@" >"$out" 2>&1 || outcome=$?
    if [ "$outcome" -ne 0 ] && [ "$outcome" -ne "$skip_status" ] && ! grep -qE 'exactly one correct row|do not add up|counters disagree|rows of |AddressSanitizer|ThreadSanitizer|runtime error' "$out"; then
        cp "$out" "$out.first"
        again=', at the second try'
        outcome=0
        MILLRACE_AGAIN=1 "$@" >"$out" 2>&1 || outcome=$?
    fi
}
