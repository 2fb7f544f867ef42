#!/bin/sh
# Runs a command in a network namespace of its own with nothing but loopback: a private engine
# in there cannot touch the bridge of another one on this machine (dockerd would delete it).
set -eu
if [ "$(id -u)" != 0 ]; then
  echo "in-netns: needs root, to make a network namespace and to run a private Docker engine." >&2
  exit 1
fi
exec unshare --net -- sh -c 'ip link set lo up && exec "$@"' in-netns "$@"
