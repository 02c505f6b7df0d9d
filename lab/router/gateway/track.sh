#!/bin/sh
# Succeeds while the router's FIB has a route that BGP learned: of protocol 186, RTPROT_BGP in the kernel's
# rtnetlink.h, which zebra sets for FRR and GoBGP; or of 12, RTPROT_BIRD, which BIRD, whose configuration hands it no
# others, sets for all.
[ -n "$(ip -4 route show proto 186)$(ip -4 route show proto 12)" ]
