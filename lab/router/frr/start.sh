#!/bin/sh
# Checks FRR's configuration and becomes watchfrr, which starts the daemons and watches them.
# Runs in Debian's frr package and in upstream's Alpine image.
set -eu

mkdir -p /var/run/frr /var/log/frr
# Left over where the container was killed; a daemon will not start on a stale socket.
rm -rf /var/run/frr/*
chown -R frr:frr /etc/frr /var/run/frr /var/log/frr
chmod 0640 /etc/frr/*

vtysh -C -f /etc/frr/frr.conf

daemons="zebra bgpd staticd bfdd"
# FRR 9.1 and later keep the configuration of some daemons in one of its own, started first.
[ ! -x /usr/lib/frr/mgmtd ] || daemons="mgmtd $daemons"
# shellcheck disable=SC2086 # a list of words
exec /usr/lib/frr/watchfrr $daemons
