#!/bin/sh
# Names this container's interfaces for the lab's networks, takes the engine's default route away,
# calls ip(8) and becomes the command that follows --.
#
#   init.sh [-i "IP ARGUMENTS"]... [-l LINK]... NETWORK=ADDRESS[,ADDRESS6/BITS]... -- COMMAND...
#
# Interfaces are told apart by their IPv4 address. Each -i is one call of ip(8), at the end. Each -l is an interface that is
# made from outside after the container's start, and that the command finds up. If the far end does not run, the interface
# does not come, and after 5 s the command starts without.
#
# Runs in busybox sh and dash; needs ip(8) and NET_ADMIN. It may run any number of times.
set -eu

fail() { echo "skidpad init: $*" >&2; exit 1; }

# device ADDRESS: the name of the interface that has it, or nothing.
device() {
	ip -o -4 addr show | while read -r _ dev _ cidr _; do
		[ "${cidr%/*}" != "$1" ] || echo "$dev"
	done
}

# await ADDRESS: device, but the engine may still be plugging interfaces in.
await() {
	tries=0
	until dev=$(device "$1") && [ -n "$dev" ]; do
		tries=$((tries + 1))
		[ "$tries" -le 100 ] || fail "no interface got address $1 within 10 s; there are: $(ip -o -4 addr show | tr '\n' ';')"
		sleep 0.1
	done
	echo "$dev"
}

rename() { # FROM TO; an interface is renamed while it is down
	ip link set dev "$1" down
	ip link set dev "$1" name "$2"
}

calls=
networks=
links=
while [ $# -gt 0 ]; do
	case $1 in
	--) shift; break ;;
	-i) calls="$calls$2
"; shift 2 ;;
	-l) links="$links $2"; shift 2 ;;
	*=*) networks="$networks $1"; shift ;;
	*) fail "do not understand argument '$1'" ;;
	esac
done
[ $# -gt 0 ] || fail "no command after --"

# Two passes, since a name that is wanted may be another interface's for now: network 'eth0', say.
n=0
for pair in $networks; do
	address=${pair#*=}
	dev=$(await "${address%%,*}")
	[ "$dev" = "${pair%%=*}" ] || rename "$dev" "skidpad$n"
	n=$((n + 1))
done
n=0
for pair in $networks; do
	name=${pair%%=*}
	[ ! -e "/sys/class/net/skidpad$n" ] || rename "skidpad$n" "$name"
	ip link set dev "$name" up
	case $pair in
	*,*) ip -6 addr replace "${pair#*,}" dev "$name" nodad ;;
	esac
	n=$((n + 1))
done

# The engine's default route leads to the host, past the routers.
while ip -4 route del default 2>/dev/null; do :; done
while ip -6 route del default 2>/dev/null; do :; done

printf '%s' "$calls" | while read -r call; do
	# shellcheck disable=SC2086 # a list of words
	ip $call || fail "ip $call does not work"
done

# FRR's zebra misses the address of an interface that comes while zebra starts, and never looks again.
tries=0
for link in $links; do
	until ip -o link show dev "$link" up 2>/dev/null | grep -q . || [ "$tries" -ge 50 ]; do
		tries=$((tries + 1))
		sleep 0.1
	done
done

exec "$@"
