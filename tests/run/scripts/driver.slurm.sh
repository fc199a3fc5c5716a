#!/bin/bash
# One small job that gives out the work; it asks for worker jobs as the site file says. Where it may,
# its command can run on a login node as well, in tmux or screen.
#SBATCH --job-name=adcc
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=1
#SBATCH --mem=2000M
#SBATCH --time=02:30:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=results/sweep/jobs/%x-%A.log
#SBATCH --partition=short
#SBATCH --account=lab12
#SBATCH --qos=low
set -eu
export ADCCSIM_CACHE_DIR="$TMPDIR"/adcc
module load python/3.12
exec python -P -m adccsim.cli run 'my sweep.toml' --out results/sweep --engine dask --cluster slurm --site site.toml
