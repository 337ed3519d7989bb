#!/usr/bin/env bash
#SBATCH --job-name=hypertape
#SBATCH --ntasks=8
#SBATCH --cpus-per-task=8
#SBATCH --time=04:00:00
#SBATCH --signal=TERM@120
# Distills on eight processes of eight threads: sbatch scripts/slurm.sh OUT [OPTION ...]. Submitted again with the same
# OUT, it continues where the time limit stopped it.
set -euo pipefail
[ $# -ge 1 ] || { echo "usage: sbatch scripts/slurm.sh OUT [OPTION ...]" >&2; exit 2; }
out=$1
shift
export OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1}
if [ -e "$out/config.json" ]; then
  exec srun --mpi=pmix hypertape distill --resume "$out"
fi
exec srun --mpi=pmix hypertape distill "$@" --out "$out"
