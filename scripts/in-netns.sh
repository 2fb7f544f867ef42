#!/bin/sh
# Runs a command on a private stage: a network with nothing but loopback, so that an engine in
# there cannot touch the bridge of another one on this machine (dockerd would delete it), and
# processes, mounts and a temporary directory that are gone when the command ends, however it
# ends. It must never leave an engine running behind a test that was stopped.
set -eu
if [ "$(id -u)" != 0 ]; then
  echo "in-netns: needs root, to make namespaces and to run a private Docker engine." >&2
  exit 1
fi

# Short, because the path of a unix socket in there must stay under 108 bytes.
stage=$(mktemp -d /tmp/hf.XXXXXX)
clean() {
  # Processes may still be ending when the first attempt looks.
  rm -rf "$stage" 2>/dev/null || { sleep 1; rm -rf "$stage"; }
}
trap clean EXIT

# A system's own containerd is hidden: dockerd would use it and leave its containers to it.
# The shell stays the first process of the stage because that one has to reap orphans.
enter='ip link set lo up
mkdir -p /run/containerd
mount -t tmpfs -o mode=711 tmpfs /run/containerd
"$@"
exit $?'

# In the background, so that a signal to this shell is handled at once. When unshare dies, or
# this shell does, the kernel ends the whole stage.
exec 3<&0
TMPDIR=$stage setpriv --pdeathsig KILL \
  unshare --net --pid --mount --fork --kill-child --mount-proc -- \
  sh -euc "$enter" in-netns "$@" <&3 3<&- &
child=$!
trap 'kill -KILL "$child" 2>/dev/null; wait "$child" || true; exit 130' INT
trap 'kill -KILL "$child" 2>/dev/null; wait "$child" || true; exit 143' TERM HUP
status=0
wait "$child" || status=$?
exit "$status"
