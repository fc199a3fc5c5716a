#!/bin/bash
# 250,000 runs in 42 tasks of about 29 min on one core; files about 20 GB.
# A task that is stopped and started again goes on from its finished runs. When all have ended:
#   python -P -m adccsim.cli analyse 'results/sweep dir'
#SBATCH --job-name=adcc
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=1
#SBATCH --mem=1500M
#SBATCH --time=01:45:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=/dev/null
#SBATCH --array=0-41
#SBATCH --partition=short
#SBATCH --account=lab12
#SBATCH --qos=low
exec >>'results/sweep dir/jobs/adcc-'"${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID.log" 2>&1
set -eu
export ADCCSIM_CACHE_DIR="$TMPDIR"/adcc
module load python/3.12
exec python -P -m adccsim.cli run 'my sweep.toml' --out 'results/sweep dir' --set replicates=96 --workers 1 --shard "$SLURM_ARRAY_TASK_ID/42"
