#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# run.sh [TARGET [SECONDS]]: fuzzes one target, or all in turn, until SECONDS (each) have passed or it is
# stopped. One target goes to libFuzzer when there is a clang that has it, as long as ENGINE isn't "own";
# everything else to our own driver, every round with another seed. What is found is kept in build/fuzz-found.
set -eu
cd "$(dirname "$0")/../.."
target=${1:-} seconds=${2:-0} own=build/asan/tests/fuzz/fuzz found=build/fuzz-found
: "${ENGINE:=}" "${CLANG:=clang}"

make --no-print-directory VARIANT=asan $own
mkdir -p $found

has_libfuzzer() {
    echo 'int LLVMFuzzerTestOneInput(const char *p, unsigned long n) { return p && n > 1 ? 0 : 0; }' |
        $CLANG -fsanitize=fuzzer -x c - -o build/has-libfuzzer 2>/dev/null
}

if [ -n "$target" ] && [ "$ENGINE" != own ] && has_libfuzzer; then
    make --no-print-directory VARIANT=fuzz CC="$CLANG" build/fuzz/tests/fuzz/libfuzzer
    corpus=build/fuzz-corpus/$target
    mkdir -p "$corpus"
    $own -w "$corpus" "$target"
    FUZZ_TARGET=$target exec build/fuzz/tests/fuzz/libfuzzer -max_total_time="$seconds" -timeout=20 \
        -rss_limit_mb=2048 -artifact_prefix=$found/"$target"- "$corpus"
fi
if [ -n "$target" ] || [ "$seconds" != 0 ]; then
    # shellcheck disable=SC2086
    exec $own -s "$(date +%s)" -t "$seconds" -k $found $target
fi
while $own -s "$(date +%s)" -t 60 -k $found; do :; done
