#!/bin/bash
# 250,000 runs in 42 tasks of about 29 min on one core; files about 20 GB.
# A task that is stopped and started again goes on from its finished runs. When all have ended:
#   python -P -m adccsim.cli analyse 'results/sweep dir'
# Not tested on a real PBS: compare with the scripts of your site.
#PBS -N adcc
#PBS -l select=1:ncpus=1:mem=1500mb
#PBS -l walltime=01:45:00
#PBS -r y
#PBS -j oe
#PBS -o /dev/null
#PBS -J 0-41
#PBS -q short
#PBS -A lab12
#PBS --qos=low
exec >>'results/sweep dir/jobs/adcc-'"$PBS_JOBID.log" 2>&1
set -eu
export ADCCSIM_CACHE_DIR="$TMPDIR"/adcc
module load python/3.12
exec python -P -m adccsim.cli run 'my sweep.toml' --out 'results/sweep dir' --set replicates=96 --workers 1 --shard "$PBS_ARRAY_INDEX/42"
