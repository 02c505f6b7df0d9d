#!/bin/sh
# Succeeds while the router's FIB has, of each IP family that is named (-4, -6), a route that BGP learned: of protocol 186,
# RTPROT_BGP in the kernel's rtnetlink.h, which zebra sets for FRR and GoBGP; or of 12, RTPROT_BIRD, which BIRD, whose
# configuration hands it no others, sets for all.
for family in "$@"; do
	[ -n "$(ip "$family" route show proto 186)$(ip "$family" route show proto 12)" ] || exit 1
done
