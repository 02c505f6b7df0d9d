#!/bin/bash
# Runs ExaBGP, again whenever ExaBGP ends, as systemd does on a host.
set -eu

export exabgp_daemon_daemonize=false exabgp_daemon_user=root exabgp_api_ack=true
# ExaBGP says what it does not take amid much else.
said=$(exabgp --validate /etc/exabgp/exabgp.conf 2>&1) || {
	printf '%s\n' "$said" | sed -n 's/^[^|]*|[^|]*| configuration *| //p' >&2
	exit 1
}
exabgp=
trap '[ -z "$exabgp" ] || kill "$exabgp" 2>/dev/null; exit 0' TERM INT
mkdir -p /run/exabgp
while :; do
	# Sessions that were shut are open again.
	rm -f /run/exabgp/*
	mkfifo -m 0600 /run/exabgp/exabgp.in /run/exabgp/exabgp.out
	cp /etc/exabgp/exabgp.conf /run/exabgp/exabgp.conf
	exabgp /run/exabgp/exabgp.conf &
	exabgp=$!
	echo "$exabgp" >/run/exabgp/pid
	wait "$exabgp" || echo "skidpad exabgp: it ended with code $?; it is started again" >&2
	sleep 1
done
