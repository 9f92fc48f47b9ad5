# rsyslog with imkafka and ommysql, from Debian's packages; sourced by ../../lib.sh.  The packages are only unpacked into the cache: installing
# them would start the system's own log service.
# shellcheck shell=bash disable=SC2034,SC2154
rsyslog_prepare() {
    rsyslog=$cache/rsyslog
    [ ! -e "$rsyslog/.complete" ] || return 0
    command -v apt-get >/dev/null || { echo "it is taken from Debian's packages, and this is no Debian"; return 1; }
    rm -rf "$rsyslog"
    mkdir -p "$rsyslog/packages"
    (
        cd "$rsyslog/packages"
        apt-get download rsyslog rsyslog-kafka rsyslog-mysql libestr0 libfastjson4
        for package in *.deb; do dpkg -x "$package" ..; done
    ) >"$cache/rsyslog.log" 2>&1 || { echo "the packages cannot be had (apt-get update?): $(tail -n 1 "$cache/rsyslog.log")"; return 1; }
    touch "$rsyslog/.complete"
}

rsyslog_start() {
    local libraries modules
    libraries=$(echo "$rsyslog"/usr/lib/*-linux-gnu)
    modules=$libraries/rsyslog
    fill "$peers/rsyslog/rsyslog.conf" >"$work/rsyslog.conf"
    LD_LIBRARY_PATH=$libraries "$rsyslog/usr/sbin/rsyslogd" -n -iNONE -f "$work/rsyslog.conf" -M "$modules" </dev/null >"$work/rsyslog.log" 2>&1 &
    program=$!
}
