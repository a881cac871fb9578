#!/bin/sh
# Stepwell @VERSION@ in one file. At its first start it unpacks itself into a cache folder.
set -eu
bytes=@BYTES@
digest=@DIGEST@
cache=${STEPWELL_CACHE:-${CACHE_DIRECTORY:-${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}}}}
fail() {
    echo "stepwell: $1" >&2
    exit 1
}
[ -n "$cache" ] || fail "there is no HOME: set STEPWELL_CACHE to a folder to unpack into"
place=$cache/stepwell/@VERSION@-$digest
if [ ! -x "$place/stepwell" ]; then
    umask 077
    mkdir -p "$cache/stepwell" 2>/dev/null && [ -w "$cache/stepwell" ] && [ -O "$cache/stepwell" ] ||
        fail "$cache/stepwell cannot be used: set STEPWELL_CACHE to a folder of yours"
    # Another version that no process runs is removed; each holds a lock while it runs.
    if command -v flock >/dev/null; then
        for old in "$cache"/stepwell/*/; do
            [ "$old" != "$place/" ] && [ -e "$old.lock" ] && flock --nonblock --exclusive "$old.lock" rm -rf "$old" || :
        done
    fi
    fresh=$(mktemp -d "$cache/stepwell/.unpacking-XXXXXX")
    trap 'rm -rf "$fresh"' EXIT
    trap 'exit 1' HUP INT TERM
    tail -c "$bytes" "$0" >"$fresh/archive" || fail "$cache has no room: 180 MB are needed"
    if command -v sha256sum >/dev/null; then
        found=$(sha256sum <"$fresh/archive")
        [ "${found%% *}" = "$digest" ] || fail "$0 is damaged or cut off: download it again"
    fi
    gzip -dc "$fresh/archive" | tar -x -C "$fresh" ||
        fail "$0 could not be unpacked into $cache: it needs 180 MB there"
    # Whoever was faster has left the same.
    [ -x "$place/stepwell" ] || mv "$fresh/stepwell" "$place" 2>/dev/null || [ -x "$place/stepwell" ] ||
        fail "$place could not be made"
    rm -rf "$fresh"
    trap - EXIT HUP INT TERM
fi
if command -v flock >/dev/null; then
    exec 9>"$place/.lock"
    flock --shared 9
fi
exec "$place/stepwell" "$@"
exit 1
