#!/bin/sh
# SPDX-License-Identifier: ISC
# The checks check: a small clean tree passes, and each planted violation is found where it is.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/lib.sh"

lint=$CW_SRCDIR/tests/lint

# put FILE LINE...: a source file with a proper opening, then the lines from line 3 on.
put() {
    file=$1
    shift
    mkdir -p "$(dirname "$file")"
    printf '%s\n' '/* SPDX-License-Identifier: ISC */' '/* A file of the test. */' "$@" >"$file"
}

rules() {
    folder=$1
    shift
    mkdir -p "$folder"
    printf '%s\n' '# What it is.' "$@" >"$folder/.may_include"
}

clean_tree() {
    rm -rf tree
    mkdir tree
    cd tree || exit 1
    rules lib/base
    rules lib/fs base 'rename()'
    rules lib/tuf base
    rules lib/http base '<curl/*>'
    rules gen base fs http tuf
    rules sync base fs http tuf sync/deploy sync/mirror
    rules sync/mirror base fs http tuf
    rules sync/deploy base fs tuf
    put lib/base/err.h 'int cw_err_set(void);'
    put lib/fs/commit.c '#include "base/err.h"' '#include <stdio.h>' 'int f(void) { return rename("a", "b"); }'
    put lib/tuf/role.h '#include "base/err.h"'
    put lib/http/get.c '#include <curl/curl.h>' '/* never system(), not even strcpy() */'
    put gen/main.c '#include <config.h>' 'int main(void) { exit(0); } /* "rename(" */'
    put sync/main.c '#include "sync/deploy/plan.h"' 'int g(void) { return ops->rename("sprintf("); }'
    put sync/deploy/plan.h '#include "fs/commit.h"'
    put sync/mirror/mirror.c '#include "http/get.h"'
    cd .. || exit 1
}

clean_tree
expect_exit 0 "$lint/layers" tree
refute_out .
expect_exit 0 "$lint/banned" tree
refute_out .
expect_exit 0 "$lint/header" tree

# planted CHECK FILE LINE PATTERN: with LINE as the third line of FILE, CHECK finds PATTERN there.
planted() {
    clean_tree
    put "tree/$2" "$3"
    expect_exit 1 "$lint/$1" tree
    expect_out "^$2:3: $4"
}

planted layers lib/fs/commit.c '#include "tuf/role.h"' "'tuf/role.h' is above or beside lib/fs"
planted layers lib/tuf/role.h '#include "gen/add.h"' "'gen/add.h'"
planted layers gen/main.c '#include "sync/main.h"' "'sync/main.h'"
planted layers sync/main.c '#include "gen/add.h"' "'gen/add.h'"
planted layers sync/mirror/mirror.c '#  include "sync/deploy/plan.h"' "'sync/deploy/plan.h'"
planted layers sync/deploy/plan.c '#include "http/get.h"' "'http/get.h'"
planted layers gen/main.c '#include <curl/curl.h>' "'<curl/curl.h>' belongs to lib/http"
planted layers lib/tuf/role.c '#include <openssl/evp.h>' "'<openssl/evp.h>' belongs to lib/crypt"
planted layers lib/base/err.c '#include "err.h"' "'err.h' does not say its folder; write \"base/err.h\""
planted layers gen/main.c '#include "config.h"' 'write <config.h>'

planted banned lib/base/str.c 'void f(char *a) { strcpy(a, "b"); }' "'strcpy' is banned"
planted banned gen/main.c 'int f(void) { return rename("a", "b"); }' "'rename' is banned: use fs/commit.h"
planted banned lib/fs/commit.c 'int f(void) { return 1 + system ("ls"); }' "'system' is banned"
planted banned gen/cmd_add.c 'void f(void) { exit(1); }' "'exit' is banned"

clean_tree
rm tree/lib/tuf/.may_include
expect_exit 1 "$lint/layers" tree
expect_out '^lib/tuf: has no .may_include'

clean_tree
rules tree/lib/base tuf
expect_exit 1 "$lint/layers" tree
expect_out 'form a circle'

clean_tree
echo 'int x;' >tree/lib/base/x.c
expect_exit 1 "$lint/header" tree
expect_out '^lib/base/x.c:1: lacks'
expect_out '^lib/base/x.c:2: does not open'

done_testing
