#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Checks the #include lines against the table of layers: a room may include its own headers and those of
# the rooms named behind it, and nothing else of the project. Prints what is wrong; status 1 if anything is.
set -eu
cd "$(dirname "$0")/.."

table='
tui            engine/cmd engine/model engine/job engine/base
engine/cmd     engine/kern engine/dis engine/expr engine/unwind engine/type engine/sym engine/object engine/mem engine/dump engine/model engine/job engine/base arch
engine/kern    engine/dis engine/expr engine/unwind engine/type engine/sym engine/object engine/mem engine/dump engine/model engine/job engine/base arch
engine/dis     arch engine/unwind engine/type engine/sym engine/object engine/mem engine/job engine/base
engine/expr    engine/type engine/sym engine/object engine/mem engine/base
engine/unwind  arch engine/type engine/sym engine/object engine/mem engine/job engine/base
engine/type    engine/sym engine/object engine/mem engine/job engine/base
engine/sym     engine/object engine/mem engine/job engine/base
engine/object  engine/mem engine/dump engine/job engine/base
engine/mem     arch engine/dump engine/job engine/base
engine/dump    engine/job engine/base
engine/model   engine/job engine/base
arch           engine/base
engine/job     engine/base
engine/base
'
bad=0
for room in tui arch engine/*/; do
    room=${room%/}
    allowed=$(printf '%s\n' "$table" | awk -v r="$room" '$1 == r { $1 = ""; print; found = 1 } END { if (!found) print "?" }')
    if [ "$allowed" = "?" ]; then
        echo "layers: $room is not in the table (tests/layers.sh)"
        bad=1
        continue
    fi
    for line in $(grep -nHo '^#include "[^"]*"' -r "$room" --include='*.[ch]' | sed 's/#include "//; s/"$//; s/ /_/g'); do
        file=${line%%:*}; target=${line##*:}
        case $target in engine/*) to=${target#engine/}; to=engine/${to%%/*} ;; *) to=${target%%/*} ;; esac
        case " $room $allowed " in *" $to "*) ;; *)
            echo "layers: $file includes \"$target\": $room may not use $to"
            bad=1 ;;
        esac
    done
done
# tui sees commands, not their insides
for f in $(grep -lE '#include "engine/cmd/(commands|parse|show)' -r tui || true); do
    echo "layers: $f includes an inner header of engine/cmd: only cmd.h and batch.h are for front ends"
    bad=1
done
exit $bad
