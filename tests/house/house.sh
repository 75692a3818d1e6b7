#!/bin/sh
# tests/house/house.sh: the rules of the house that can be read off the sources: which room includes
# which, how files begin and how long they are, and words that mark unfinished work.
. tests/lib.sh

sources() { find frontend ir passes codegen runtime -name '*.[ch]' -o -name '*.cpp' -o -name '*.def' | sort; }

# arrow ROOM "ROOM…": files of the room include only these rooms (main.c and cmd_*.c see all).
arrow() {
    bad=$(find "$1" \( -name '*.[ch]' -o -name '*.cpp' \) ! -path 'frontend/main.c' ! -path 'frontend/cmd_*.c' -exec \
        grep -Hn '#include "' {} + | awk -F'"' -v allowed=" $1 $2 " '
        { split($2, part, "/"); if (!index(allowed, " " part[1] " ")) print $0 }')
    [ -z "$bad" ] && ok "arrows of $1" || { not_ok "arrows of $1" "includes another room"; echo "$bad" | sed 's/^/    /'; }
}
arrow ir ""
arrow runtime ""
arrow passes ir
arrow codegen ir
arrow frontend ir

bad=$(find frontend/main.c frontend/cmd* -exec grep -Hn '#include "runtime/' {} + | grep -v -e 'runtime/base.h' -e 'runtime/data.h' -e 'runtime/files.h' -e 'runtime/states.h' -e 'runtime/remote.h')
[ -z "$bad" ] && ok "the command line's use of the runtime" || not_ok "the command line's use of the runtime" "$bad"

bad=$(sources | while read -r f; do head -n 1 "$f" | grep -q '^/\* ' || echo "$f"; done)
[ -z "$bad" ] && ok "files begin with what they are" || not_ok "files begin with what they are" "$bad"

# In pieces, so that this file does not find itself.
words="TO""DO|FIX""ME|XX""X:|not imple""mented|for n""ow[^a-z]"
bad=$(git ls-files 2>/dev/null | grep -v '\.csv$' | xargs -r grep -nIE "$words" 2>/dev/null | head -n 5)
[ -z "$bad" ] && ok "no unfinished work" || { not_ok "no unfinished work" "words that say so"; echo "$bad" | sed 's/^/    /'; }

bad=$(git ls-files 2>/dev/null | xargs -r grep -nIE '"(/home|/root|/Users)/' 2>/dev/null | head -n 5)
[ -z "$bad" ] && ok "no one's own folders" || not_ok "no one's own folders" "$bad"

# What a build leaves belongs to nobody's tree.
bad=$(git ls-files 2>/dev/null | cut -d/ -f1 | sort -u | grep -vxE \
    '\..*|CMakeLists.txt|CMakePresets.json|LICENSE|README.md|frontend|ir|passes|codegen|runtime|tests|samples')
[ -z "$bad" ] && ok "no other folders" || not_ok "no other folders" "$(echo "$bad" | paste -sd' ')"
bad=$(git ls-files 2>/dev/null | grep -E '\.(o|a|so|d)$' | head -n 5)
[ -z "$bad" ] && ok "nothing that was compiled" || not_ok "nothing that was compiled" "$bad"

# Every row of the command line's table has what it needs.
bad=$(sed -n 's/^OPTION([a-z_]*, *"\([^"]*\)".*/\1/p' frontend/options.def | sort | uniq -d)
[ -z "$bad" ] && ok "option names are unique" || not_ok "option names are unique" "$bad"

# Every argument of the vocabulary is in a fixture that PyTorch made.
bad=$(awk -f tests/house/vocabulary.awk frontend/layers.def frontend/losses.def frontend/optims.def \
    frontend/schedulers.def frontend/inits.def tests/fixtures/models/*.py tests/fixtures/schedules/*.py)
[ -z "$bad" ] && ok "fixtures for every argument" ||
    not_ok "fixtures for every argument" "none gives $(echo "$bad" | head -n 9 | paste -sd' ')"

find frontend ir passes codegen runtime \( -name '*.[ch]' -o -name '*.cpp' \) -exec awk '
    FNR == 1 { if (name && lines > 600) print "note: " name " has " lines " lines"; name = FILENAME }
    { lines = FNR }
    length($0) > 110 { long[FILENAME]++ }
    END { for (f in long) print "note: " f " has " long[f] " lines over 110 characters" }' {} +
exit 0
