#!/bin/bash
# 250,000 runs in 42 tasks of about 29 min on one core; files about 20 GB.
# A task that is stopped and started again goes on from its finished runs. When all have ended:
#   python -P -m adccsim.cli analyse 'results/sweep dir'
# Not tested on a real SGE: compare with the scripts of your site.
#$ -N adcc
#$ -cwd
#$ -V
#$ -S /bin/bash
#$ -l h_rt=01:45:00
#$ -l h_vmem=1500M
#$ -r y
#$ -j y
#$ -o /dev/null
#$ -t 1-42
#$ -q short
#$ -P lab12
#$ --qos=low
exec >>'results/sweep dir/jobs/adcc-'"$JOB_ID.$SGE_TASK_ID.log" 2>&1
set -eu
export ADCCSIM_CACHE_DIR="$TMPDIR"/adcc
module load python/3.12
exec python -P -m adccsim.cli run 'my sweep.toml' --out 'results/sweep dir' --set replicates=96 --workers 1 --shard "$((SGE_TASK_ID - 1))/42"
