#!/bin/sh
# Inside a machine, as root: the program, its settings and its unit, from what was uploaded to /tmp.
# A node that is of the cluster already is started with them; one that is not yet is left to
# `init` or `join`.
#
#   node.sh ADDRESS MODES
set -eu

mkdir -p /etc/mesolith
install -m 755 /tmp/mesolith /usr/local/bin/mesolith
install -m 644 /tmp/mesolith.service /etc/systemd/system/mesolith.service
cat >/etc/mesolith/mesolith.json <<JSON
// Written by vagrant/node.sh.
{
  "data": "/var/lib/mesolith",
  "address": "$1",
  "modes": "$2",
  "plain": "mesos,agent,marathon,chronos,stats"
}
JSON
mesolith config check --config /etc/mesolith/mesolith.json
systemctl daemon-reload
systemctl enable --quiet mesolith
[ ! -e /var/lib/mesolith/certs ] || systemctl restart mesolith
