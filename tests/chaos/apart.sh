# apart.sh: runs a script once more in a mount namespace of its own, where it may mount and change /etc/hosts for itself alone; sourced first.
# Root, or a kernel that gives users namespaces; else the script is skipped.
# shellcheck shell=bash
if [ -z "${MILLRACE_APART:-}" ]; then
    for how in -m -rm; do
        ! unshare $how true 2>/dev/null || MILLRACE_APART=yes exec unshare $how "$0" "$@"
    done
    echo 'skipped: no mount namespace can be had (unshare -m)'
    exit 75
fi
