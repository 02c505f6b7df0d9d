#!/bin/sh
# Stays until it is told to end. As process 1 a shell, since it also collects orphans of what is executed here.
#
#   stay.sh [-e NAME] [NETWORK PREFIX...]
#
# With -e it answers probes meanwhile, as NAME. The prefixes are found by ARP or neighbour discovery on the network's own
# segment.
trap 'exit 0' TERM INT
if [ "${1:-}" = -e ]; then
	POD_NAME=$2 skidpad-echo &
	shift 2
fi
network=${1:-}
[ $# -eq 0 ] || shift
for prefix in "$@"; do
	ip route replace "$prefix" dev "$network" || exit 1
done
while :; do
	sleep 3600 &
	wait $!
done
