#!/bin/bash
# 250,000 runs in 42 tasks of about 29 min on one core; files about 20 GB.
# A task that is stopped and started again goes on from its finished runs. When all have ended:
#   python -P -m adccsim.cli analyse 'results/sweep dir'
# Not tested on a real LSF: compare with the scripts of your site.
#BSUB -J "adcc[1-42]"
#BSUB -n 1
#BSUB -R "rusage[mem=1500MB]"
#BSUB -W 01:45
#BSUB -r
#BSUB -o /dev/null
#BSUB -q short
#BSUB -P lab12
#BSUB --qos=low
exec >>'results/sweep dir/jobs/adcc-'"${LSB_JOBID}_$LSB_JOBINDEX.log" 2>&1
set -eu
export ADCCSIM_CACHE_DIR="$TMPDIR"/adcc
module load python/3.12
exec python -P -m adccsim.cli run 'my sweep.toml' --out 'results/sweep dir' --set replicates=96 --workers 1 --shard "$((LSB_JOBINDEX - 1))/42"
