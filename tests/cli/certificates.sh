# tests/cli/certificates.sh: what certify.sh and certify_programs.sh share. Sourced in a folder of the suite's own,
# after tests/lib.sh.
# shellcheck shell=sh
if [ ! -e "${SEQC_HOME:-$(dirname "$SEQC")/lib/seqc}/libseqc_ctool.so" ]; then
    skip "certificates" "this build has no module over Clang"
    exit 0
fi

# certificate PLACE: it is whole, as text and as JSON.
certificate() {
    grep -q '"certified": true' "$1.certificate.json" && head -n 1 "$1.certificate.txt" | grep -q ': certified$'
}

# why NAME: how the command of `log` failed.
why() {
    not_ok "$1" "exit code $?"
    grep -v note log | head -n 5 | sed 's/^/    /'
}

# finds NAME TEXT EDIT: after sed's EDIT of whole/$SOURCE.c the certificate names that, at a line of it.
finds() {
    rm -rf changed && cp -r whole changed
    sed -i "$3" "changed/$SOURCE.c"
    if cmp -s "whole/$SOURCE.c" "changed/$SOURCE.c"; then
        not_ok "$1" "nothing was changed"
        return
    fi
    "$SEQC" verify changed --certify >log 2>&1
    _got=$?
    [ $_got = 1 ] && grep -q "$SOURCE\.c:[0-9]*:.*$2" "changed/$SOURCE.certificate.txt" &&
        grep -q '"certified": false' "changed/$SOURCE.certificate.json" &&
        ok "$1" || { not_ok "$1" "exit code $_got"; tail -n 5 log | sed 's/^/    /'; }
}
