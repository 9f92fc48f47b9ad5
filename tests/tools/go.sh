# shellcheck shell=bash
# Tools that Debian does not have: programs of Go modules, built once for each version into $cache; sourced.  Expects $cache and $work.
#
#   go_begin                           status 1 without Go; holds the lock of the cache until go_end
#   go_program PACKAGE VERSION         puts the program on the PATH
#   go_programs FOLDER NAME=PACKAGE... the same for modules that cannot be built alone, by FOLDER/go.mod, which requires them; more options for
#                                      the linker in $go_linker
# Status 1, and the reason at the end of $work/tools.log, when something cannot be had.
# shellcheck disable=SC2154 # given by the caller

go_linker=''

go_begin() {
    command -v go >/dev/null || {
        echo 'Go is missing' >>"$work/tools.log"
        return 1
    }
    mkdir -p "$cache"
    exec 9>"$cache/.lock"
    flock 9
}

go_end() {
    exec 9>&-
}

go_failed() { # what
    echo "$1 cannot be had: $(tail -1 "$work/tools.log")" >>"$work/tools.log"
    return 1
}

go_program() { # package, version
    local name=${1##*/} folder
    folder=$cache/$name-$2
    [ -x "$folder/$name" ] || {
        echo "$name $2 from the Go module proxy into $folder" >&2
        GOBIN=$folder GOFLAGS=-buildvcs=false nice -n 5 go install "$1@$2" >>"$work/tools.log" 2>&1 || go_failed "$1 $2" || return
    }
    PATH=$folder:$PATH
}

go_programs() { # folder, name=package...
    local from=$1 folder sum part
    shift
    sum=$(cat "$from/go.mod" "$from/go.sum" - <<<"$go_linker $*" | sha256sum)
    folder=$cache/tools-${sum:0:12}
    for part in "$@"; do
        [ ! -x "$folder/${part%%=*}" ] || continue
        echo "${part%%=*} from the Go module proxy into $folder" >&2
        (cd "$from" && GOFLAGS=-buildvcs=false nice -n 5 go build -ldflags "-s -w $go_linker" -o "$folder/${part%%=*}" "${part#*=}") \
            >>"$work/tools.log" 2>&1 || go_failed "${part#*=}" || return
    done
    PATH=$folder:$PATH
}

# The folder of a Go module, downloaded and checked, not built.
go_module() { # module@version
    # Outside of any module, so that only this one is fetched.
    (cd "$work" && go mod download -json "$1") 2>>"$work/tools.log" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p'
}
