#!/bin/sh
# Succeeds while the router's FIB has a route that BGP learned: protocol 186, RTPROT_BGP in the
# kernel's rtnetlink.h, which zebra and BIRD set.
[ -n "$(ip -4 route show proto 186)" ]
