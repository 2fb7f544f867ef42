#!/bin/sh
# Installs what is missing and says nothing when nothing is: the npm packages, and with the
# argument `engine` also Debian's packages for a private Docker engine and a local registry.
set -eu
cd "$(dirname "$0")/.."

if ! cmp -s package-lock.json node_modules/.installed-lock 2>/dev/null; then
  echo "install: npm packages"
  npm ci --no-audit --no-fund --loglevel=error
  cp package-lock.json node_modules/.installed-lock
fi
apt_install() {
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "install: missing: $*" >&2
    echo "install: run this as root on Debian or Ubuntu, or install these yourself." >&2
    exit 1
  fi
  echo "install: Debian packages: $*"
  # Services of the packages are not started by us: tests run an engine and a registry of their own.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    trap 'rm -f "$policy"' EXIT INT TERM
  fi
  log=$(mktemp)
  if ! { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"; } >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    echo "install: apt-get failed; the whole output is in $log" >&2
    exit 1
  fi
  rm -f "$log"
}

node=node_modules/.bin/node
# The package `node` brings its binary by an install script, which some npm settings skip.
[ -x "$node" ] || npm rebuild --no-audit --no-fund --loglevel=error node
if ldd "$(readlink -f "$node")" 2>/dev/null | grep -q 'libatomic.*not found'; then
  apt_install libatomic1
fi
if ! "$node" --version >/dev/null 2>&1; then
  echo "install: the pinned Node ($node) does not run on this machine:" >&2
  "$node" --version >&2
  exit 1
fi

[ "${1:-}" = engine ] || exit 0

missing=""
command -v dockerd >/dev/null 2>&1 || missing="$missing docker.io"
command -v docker-registry >/dev/null 2>&1 || missing="$missing docker-registry"
command -v iptables >/dev/null 2>&1 || missing="$missing iptables"
command -v ip >/dev/null 2>&1 || missing="$missing iproute2"
command -v unshare >/dev/null 2>&1 || missing="$missing util-linux"
[ -x /bin/busybox ] || missing="$missing busybox-static"
# A newer Docker of another origin serves as well; then only its command line may be missing.
command -v docker >/dev/null 2>&1 || missing="$missing docker.io"
[ -n "$missing" ] || exit 0

# Split into words on purpose.
# shellcheck disable=SC2086
apt_install $missing
