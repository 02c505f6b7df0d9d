#!/bin/bash
# Checks BIRD's configuration and runs BIRD, anew whenever it ends, as systemd does where BIRD runs on a host.
set -eu

config=/etc/bird/bird.conf
bird=
mkdir -p /run/bird
bird -p -c "$config"

trap '[ -z "$bird" ] || kill "$bird" 2>/dev/null; exit 0' TERM INT
while :; do
	# A dump that an earlier one wrote would be taken for this one's.
	rm -f /run/bird/*
	bird -f -c "$config" &
	bird=$!
	wait "$bird" || echo "skidpad bird: it ended with code $?; it is started again" >&2
	sleep 1
done
