# SPDX-License-Identifier: ISC
# shellcheck shell=sh
# The hostile web server for shell tests; source it after tests/cli/lib.sh. It ends with the test.
#
#   server_start ROOT [OPTION...]    serves a folder; options of server.py, such as --tls CERT KEY. Not within $(...).
#   server_url PATH                  prints the URL of a path
#   server_rules LINE...             the rules from now on, one JSON object each; none: serve plainly. Empties the log.
#   server_requests [PATTERN]        prints how many requests were made (whose log line matches, grep -E)
#   server_log                       prints the log: one JSON object for each request
#   server_stop
#
# One server at a time; skip_all is called where python3 is missing.

server_start() {
    command -v python3 >/dev/null || skip_all 'python3 is not installed, so there is no server to test against'
    [ -z "${server_pid:-}" ] || server_stop
    server_dir=$tap_dir/server
    rm -rf "$server_dir"
    mkdir -p "$server_dir"
    : >"$server_dir/rules"
    server_scheme=http
    case " $* " in *' --tls '*) server_scheme=https ;; esac
    python3 "$CW_SRCDIR/tests/server/server.py" "$@" --rules "$server_dir/rules" --log "$server_dir/log" \
        --port-file "$server_dir/port" 2>"$server_dir/errors" &
    server_pid=$!
    tap_children="${tap_children:-} $server_pid"
    server_tries=0
    while [ ! -s "$server_dir/port" ]; do
        server_tries=$((server_tries + 1))
        if [ "$server_tries" -gt 200 ] || ! kill -0 "$server_pid" 2>/dev/null; then
            echo "Bail out! the test server did not start: $(tail -n 1 "$server_dir/errors")"
            exit 1
        fi
        sleep 0.05
    done
    server_port=$(cat "$server_dir/port")
}

server_stop() {
    [ -n "${server_pid:-}" ] || return 0
    kill "$server_pid" 2>/dev/null
    wait "$server_pid" 2>/dev/null
    tap_children=$(printf '%s' "$tap_children" | sed "s/ $server_pid\$//; s/ $server_pid / /")
    server_pid=
}

server_url() {
    echo "$server_scheme://127.0.0.1:$server_port/${1#/}"
}

server_rules() {
    : >"$server_dir/rules.new"
    for server_rule in "$@"; do
        printf '%s\n' "$server_rule" >>"$server_dir/rules.new"
    done
    mv "$server_dir/rules.new" "$server_dir/rules"
    : >"$server_dir/log"
}

server_requests() {
    if [ -e "$server_dir/log" ]; then
        grep -Ec -e "${1:-.}" "$server_dir/log" || true
    else
        echo 0
    fi
}

server_log() {
    cat "$server_dir/log"
}
