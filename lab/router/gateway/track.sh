#!/bin/sh
# track.sh FAMILY... succeeds if the router can take traffic: the FIB has BGP routes of each family (-4, -6).
#
# BGP routes have protocol 186 (RTPROT_BGP in the kernel's rtnetlink.h), which zebra sets for FRR and GoBGP, or protocol
# 12 (RTPROT_BIRD), which BIRD sets for all routes that its configuration exports to the kernel.
#
# After a start, or after a loss of all routes, the FIB fills over some time, with the sessions. The script therefore succeeds for
# the first time when two runs in a row have seen the same routes. From then on any routes are enough.
directory=$(dirname "$0")
routes=
for family in "$@"; do
	found=$(ip "$family" route show proto 186; ip "$family" route show proto 12)
	[ -n "$found" ] || { rm -f "$directory/routes" "$directory/complete"; exit 1; }
	routes="$routes $found"
done
[ ! -e "$directory/complete" ] || exit 0
before=$(cat "$directory/routes" 2>/dev/null)
echo "$routes" >"$directory/routes"
[ "$before" = "$routes" ] || exit 1
: >"$directory/complete"
