# kafka.sh: what the rows about Kafka share; sourced by them in place of parking.sh, which it takes along.
#
# Each has its own servers, with little memory for each broker.  Events keep coming while something breaks (feed), and commits are watched from the
# outside all the time: they must never go back.
# shellcheck shell=bash disable=SC2034,SC2154
export MILLRACE_KAFKA_HEAP=${MILLRACE_KAFKA_HEAP:-256m}
# shellcheck source=../integration/parking.sh
. "$(dirname "${BASH_SOURCE[0]}")/../integration/parking.sh"

broker() { # stop, kill, freeze, thaw or resume; a broker's number, or none for all
    "$root/tests/tools/kafka-server" "$1" "$work/kafka" "${@:2}"
}

# Three brokers that find out within three seconds that one of them is dead, and give it its partitions back soon after it has come back.
three_brokers() {
    need_kafka --brokers 3 --set broker.session.timeout.ms=3000 --set broker.heartbeat.interval.ms=500 \
        --set leader.imbalance.check.interval.seconds=2 --set leader.imbalance.per.broker.percentage=0
}

# Quiet about brokers that are not there.
feed_quietly() { # as feed
    feed "$@" --property log_level=2
}

# ---- commits, watched from the outside ----

watcher=''

# PARTITION OFFSET END METADATA, again and again; no broker may be there to ask.
watch_commits() {
    while :; do
        timeout 5 "$tools/tools_admin" "$bootstrap" committed "$group" "$topic" 2>/dev/null || true
        sleep 0.2
    done >"$work/commits" &
    watcher=$!
}

# No partition's commit has ever been below an earlier one.
check_commits() {
    kill "$watcher" 2>/dev/null || true
    wait "$watcher" 2>/dev/null || true
    awk '($1 in last) && $2 < last[$1] { print "partition " $1 ": " last[$1] " was committed, and later " $2; bad = 1 } { last[$1] = $2; seen++ }
        END { print seen + 0 " commits were looked at"; exit bad || !seen }' "$work/commits" || fail 'a commit went back'
}

# Whether the group has committed at least what a file of `admin ends` says.
has_passed() { # file
    admin committed "$group" "$topic" 2>/dev/null >"$work/now" || return 1
    awk 'NR == FNR { wanted[$1] = $3; n++; next } $2 >= wanted[$1] { n-- } END { exit n != 0 }' "$1" "$work/now"
}

# Everything that is on the log at this moment is committed: every partition moves.
goes_on() { # seconds, in which situation
    wait_for 20 'brokers say where the partitions end' ends_known
    wait_for "$1" "every partition goes on $2" has_passed "$work/ends-now"
}

ends_known() {
    admin ends "$topic" >"$work/ends-now" 2>/dev/null
}

# ---- a worker's process ----

rss_kib() { # worker
    awk '/^VmRSS/ { print $2 }' "/proc/${workers[$1]}/status"
}

descriptors() { # worker
    find "/proc/${workers[$1]}/fd" -mindepth 1 | wc -l
}

process_threads() { # worker
    find "/proc/${workers[$1]}/task" -mindepth 1 -maxdepth 1 | wc -l
}

assigned() { # worker, so many partitions
    [ "$(metric "$1" millrace_assigned_partitions)" = "$2" ]
}
