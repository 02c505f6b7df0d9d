#!/bin/sh
# Checks FRR's configuration and runs watchfrr, which starts the daemons and watches them.
# Runs in Debian's frr package and in upstream's Alpine image, which both come with tini.
set -eu

mkdir -p /var/run/frr /var/log/frr
# Left over where the container was killed; a daemon will not start on a stale socket.
rm -rf /var/run/frr/*
chown -R frr:frr /etc/frr /var/run/frr /var/log/frr
chmod 0640 /etc/frr/*

vtysh -C -f /etc/frr/frr.conf

daemons=$(sed -nE "s/^(zebra|[a-z0-9]+d)=yes.*/\1/p" /etc/frr/daemons)
for d in $daemons; do
  [ -x "/usr/lib/frr/$d" ] || { echo "this image of FRR has no $d, which the configuration needs" >&2; exit 1; }
done
# FRR 9.1 and later keep the configuration of some daemons in one of its own, started first.
[ ! -x /usr/lib/frr/mgmtd ] || daemons="mgmtd $daemons"
# As the first process watchfrr would get the deaths of daemons that are no children of its own, take them for those of
# its restart commands, and wait for minutes: a real init stands before it, as on a host.
init=
[ ! -x "$(command -v tini)" ] || init="tini --"
# The command that starts all daemons also loads frr.conf, at its end. watchfrr ends the command after 20 s by default, and a
# router of a busy machine then runs without any configuration.
# shellcheck disable=SC2086 # lists of words
exec $init /usr/lib/frr/watchfrr --restart-timeout 600 $daemons
