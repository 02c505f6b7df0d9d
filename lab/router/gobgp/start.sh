#!/bin/bash
# Runs FRR's zebra and gobgpd, and both anew when either ends: gobgpd does not find a zebra that was started again.
#
#   start.sh MAXIMUM-PATHS FORM
#
# FORM is the language of the configuration: yaml, toml or json.
set -eu

config=/etc/gobgp/gobgpd.yaml
socket=/var/run/frr/zserv.api
mkdir -p /var/run/frr
chown frr:frr /var/run/frr

gobgpd --dry-run -t "$2" -f "$config" >/tmp/checked 2>&1 || { cat /tmp/checked >&2; exit 1; }

end() { # the jobs, and what they leave
	# shellcheck disable=SC2046 # a list of process IDs
	kill $(jobs -p) 2>/dev/null || true
	wait
}
trap 'end; exit 0' TERM INT
while :; do
	rm -f /var/run/frr/*
	/usr/lib/frr/zebra -A 127.0.0.1 -s 90000000 -e "$1" -f /etc/gobgp/zebra.conf &
	tries=0
	until [ -S "$socket" ]; do
		tries=$((tries + 1))
		[ "$tries" -le 100 ] || { echo "skidpad gobgp: zebra has no $socket after 10 s" >&2; exit 1; }
		sleep 0.1
	done
	gobgpd -t "$2" -f "$config" --api-hosts 127.0.0.1:50051 --pprof-disable &
	wait -n || echo "skidpad gobgp: zebra or gobgpd ended with code $?; both are started again" >&2
	end
	sleep 1
done
