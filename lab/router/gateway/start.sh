#!/bin/sh
# Waits for the router's interfaces, checks keepalived's configuration and becomes keepalived.
#
#   start.sh DIRECTORY NETWORK...
set -eu

fail() { echo "skidpad gateway: $*" >&2; exit 1; }

directory=$1
shift

# Busybox has an ip of its own, which takes 'proto 186' and shows every route.
ip -V >/dev/null 2>&1 || fail "this image has no iproute2; its ip cannot tell routes by protocol"

# The router's own start names the interfaces; this container may be quicker.
for network in "$@"; do
	tries=0
	until ip -o link show dev "$network" up 2>/dev/null | grep -q .; do
		tries=$((tries + 1))
		[ "$tries" -le 100 ] || fail "interface $network is not up after 10 s; there are: $(ip -o link show | tr '\n' ';')"
		sleep 0.1
	done
done

# What was true before a restart is true no longer. A process ID left in a file may be one of the router's by now, whose
# process namespace this is, and keepalived would take that for itself, "already running".
rm -f "$directory/state" "$directory/routes" "$directory/complete" /run/*.pid /var/run/*.pid
keepalived -t -f "$directory/keepalived.conf"
exec keepalived -n -l -D -f "$directory/keepalived.conf"
