# SPDX-License-Identifier: ISC
# shellcheck shell=sh
# What the tests of applying share: a publisher in ./repo, a site in ./site, its install root ./plant.
#
#   make_repo                    the publisher, keys unencrypted
#   make_build PRODUCT VERSION   out/PRODUCT-VERSION.tar: bin/tool says the version, bin/selftest exits with what is in $SELFTEST (0)
#   ship PRODUCT VERSION [FILE] [KIND] [MORE]   publishes out/PRODUCT-VERSION.tar or FILE on channel stable; MORE: fields of the release
#   make_site [INSTALL-ROOT]     a site that follows it, nothing pulled yet; its policy checks each product's selftest
#   sync ARGS...                 causeway-sync in the site
#   generation                   what `current` leads to, or "none"
#   tree_state                   a hash of all that is in the install root, names, modes, content

make_repo() {
    causeway-gen init --insecure-plain-keys repo >init.log 2>&1 || diag "$(cat init.log)"
}

make_build() {
    rm -rf build-tmp
    mkdir -p build-tmp/bin out
    printf '#!/bin/sh\necho %s %s\n' "$1" "$2" >build-tmp/bin/tool
    # shellcheck disable=SC2016 # the selftest's own variables
    printf '#!/bin/sh\necho "selftest of $CAUSEWAY_PRODUCT $CAUSEWAY_VERSION"\n%s\n' "${SELFTEST:-exit 0}" >build-tmp/bin/selftest
    chmod +x build-tmp/bin/tool build-tmp/bin/selftest
    tar -C build-tmp -cf "out/$1-$2.tar" bin
}

ship() {
    cat >catalog.json <<EOS
{"format": "1.0", "products": [{"name": "$1", "releases": [{"version": "$2", "severity": "normal", "notes": "$1 $2"${5:+, $5},
 "builds": [{"platform": "any", "files": [{"file": "${3:-out/$1-$2.tar}", "kind": "${4:-archive}"}]}]}]}]}
EOS
    if ! {
        causeway-gen -C repo add catalog.json &&
            causeway-gen -C repo promote "$1" "$2" stable &&
            causeway-gen -C repo publish
    } >ship.log 2>&1; then
        diag "ship $* failed:"
        diag "$(cat ship.log)"
        return 1
    fi
}

default_policy() {
    cat >site/policy.lua <<'EOS'
function decide(set, site)
  return accept "tests take all"
end

function check(release)
  return { run { release.dir .. "/bin/selftest", timeout = "5s" } }
end
EOS
}

make_site() {
    causeway-sync init --root repo/tree/metadata/1.root.json \
        --fingerprint "$(sha256sum repo/tree/metadata/1.root.json | cut -d' ' -f1)" --upstream acme --source "$TEST_DIR/repo/tree" \
        --channel stable --install "${1:-$TEST_DIR/plant}" --site plant-7 site >init.log 2>&1 || diag "$(cat init.log)"
    default_policy
}

sync() {
    causeway-sync -C "$TEST_DIR/site" "$@"
}

generation() {
    readlink plant/current 2>/dev/null | sed 's,generations/,,' | grep . || echo none
}

tree_state() {
    (cd plant 2>/dev/null && find . -printf '%P %m %y %l\n' | sort && find . -type f -exec sha256sum {} + | sort) | sha256sum
}
