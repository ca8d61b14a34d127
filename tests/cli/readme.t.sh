#!/bin/sh
# SPDX-License-Identifier: ISC
# The README's stories: every command in its ```sh blocks, run as a newcomer would, in one empty folder.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"

command -v python3 >/dev/null || skip_all "the carrier's story serves a folder by python3"

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
platform=linux-amd64

# One script a story, each in its own shell but with the variables that the stories share.
# shellcheck disable=SC2016 # the back quotes are Markdown's
awk -v port="$port" '
    /^## / { story++ }
    /^```sh$/ { inside = 1; next }
    /^```$/ { inside = 0; next }
    inside { gsub(/8642/, port); if (/http.server/) sub(/ &$/, " >server.log 2>\\&1 \\& echo $! >server.pid; wait_for_server"); print }
' "$CW_SRCDIR/README.md" >stories.sh

cat >prelude.sh <<'EOF2'
set -eu
wait_for_server() {
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        python3 -c 'import socket, sys; socket.create_connection(("127.0.0.1", int(sys.argv[1]))).close()' "$PORT" 2>/dev/null && return
        sleep 0.2
    done
    return 1
}
EOF2
PORT=$port
export PORT

expect_exit 0 sh -c '. ./prelude.sh; . ./stories.sh'
expect "at least ten commands were run" test "$(grep -c '^causeway-' stories.sh)" -ge 10
expect_out '^gateway 1\.0\.0$'
expect "the site runs generation 1" test "$(readlink opt/current)" = generations/1
expect "the site took the platform it names" test -d "opt/releases/gateway/1.0.0/$platform"
[ ! -f server.pid ] || kill "$(cat server.pid)"

done_testing
