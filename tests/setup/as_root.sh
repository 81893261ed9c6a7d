# Sourced by the scripts beside it: runs a command as root, which installing a package needs. $wanted is what is missing.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    echo "$wanted is missing, and installing it needs root: run \`$*\`, then try again" >&2
    exit 1
  fi
}

# Installs packages of Debian and its kin.
apt_install() {
  as_root apt-get update -q
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"
}
