#!/bin/sh
# keepalived calls it with GROUP|INSTANCE, a name, the new state and the priority; the state file gets
# the state and the time in seconds since 1970. It is written whole, so that a reader never sees half.
set -eu
directory=$(dirname "$0")
echo "$3 $(date +%s.%N)" >"$directory/state.new"
mv "$directory/state.new" "$directory/state"
# The scenario's own script, with the same arguments.
[ ! -x "$directory/notify-own" ] || exec "$directory/notify-own" "$@"
