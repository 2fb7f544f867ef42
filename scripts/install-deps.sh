#!/bin/sh
# Installs what is missing and says nothing when nothing is: the npm packages, and with the
# argument `engine` also Debian's packages for a private Docker engine, a registry and docker-compose.
# It must never start a service, now or at the next boot, that was not there before.
set -eu
cd "$(dirname "$0")/.."
# Where Debian keeps the programs of its packages, also for a user whose PATH has no sbin.
PATH=$PATH:/usr/sbin:/sbin

# The units that the packages bring. Tests run an engine and a registry of their own.
services="docker.service docker.socket containerd.service docker-registry.service"
apt="apt-get -o DPkg::Lock::Timeout=300 -q"

has() { command -v "$1" >/dev/null 2>&1; }

# Whether systemd knows a unit that would start at boot.
is_enabled() { has systemctl && systemctl is-enabled --quiet "$1" 2>/dev/null; }

# Runs what may take a while and prints a lot; shows that only when it fails.
quietly() {
  log=$(mktemp)
  if ! "$@" >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    echo "install: '$*' failed; its whole output is in $log" >&2
    exit 1
  fi
  rm -f "$log"
}

# Makes the package scripts leave services alone, unless the machine has a policy of its own.
hold_services() {
  policy=/usr/sbin/policy-rc.d
  [ -e "$policy" ] && return
  trap 'rm -f "$policy"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
}

apt_install() {
  if [ "$(id -u)" != 0 ] || ! has apt-get; then
    echo "install: missing: $*" >&2
    echo "install: run this as root on Debian or Ubuntu, or install these yourself." >&2
    exit 1
  fi
  echo "install: Debian packages: $*"
  export DEBIAN_FRONTEND=noninteractive
  before=""
  for service in $services; do ! is_enabled "$service" || before="$before $service"; done
  hold_services
  quietly $apt update
  # The command line is a package of its own since Debian 13, and only recommended.
  case " $* " in
  *" docker.io "*) ! apt-cache show docker-cli >/dev/null 2>&1 || set -- "$@" docker-cli ;;
  esac
  quietly $apt install -y --no-install-recommends "$@"
  for service in $services; do
    case " $before " in *" $service "*) continue ;; esac
    if is_enabled "$service"; then
      quietly systemctl disable "$service"
      echo "install: $service is left switched off; to use it: systemctl enable --now $service"
    fi
  done
}

if ! cmp -s package-lock.json node_modules/.installed-lock 2>/dev/null; then
  echo "install: npm packages"
  # Not `npm ci`: it insists on an entry for every platform of the native packages, and a registry
  # that serves only some platforms cannot give them. Versions are those of the lock file.
  install_npm() { npm install --no-save --no-audit --no-fund --loglevel=error; }
  if ! install_npm; then
    # zstd-napi is compiled where its ready-made binary cannot be downloaded.
    compiler=""
    has g++ || compiler="$compiler g++"
    has make || compiler="$compiler make"
    has python3 || compiler="$compiler python3"
    [ -n "$compiler" ] || exit 1
    # shellcheck disable=SC2086
    apt_install $compiler
    install_npm
  fi
  cp package-lock.json node_modules/.installed-lock
fi

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
# A newer Docker of another origin serves as well; then only its command line may be missing.
has dockerd && has docker || missing="$missing docker.io"
has docker-registry || missing="$missing docker-registry"
has docker-compose || missing="$missing docker-compose"
has iptables || missing="$missing iptables"
has openssl || missing="$missing openssl"
has ip || missing="$missing iproute2"
has unshare && has setpriv || missing="$missing util-linux"
[ -x /bin/busybox ] || missing="$missing busybox-static"
[ -n "$missing" ] || exit 0

# Split into words on purpose.
# shellcheck disable=SC2086
apt_install $missing
