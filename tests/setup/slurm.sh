#!/usr/bin/env bash
# Slurm's daemons, for `make test-engines`; where they are not to be had, it leaves Slurm out and says so.
set -euo pipefail

if PATH=$PATH:/usr/sbin command -v slurmctld >/dev/null || ! command -v apt-get >/dev/null; then
  exit 0
fi
wanted=Slurm
# shellcheck source=as_root.sh
. "$(dirname "$0")/as_root.sh"
echo "installing $wanted" >&2
apt_install slurmctld slurmd slurm-client munge
