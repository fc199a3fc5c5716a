#!/bin/bash
# One small job that gives out the work; it asks for worker jobs as the site file says. Where it may,
# its command can run on a login node as well, in tmux or screen.
# Not tested on a real LSF: compare with the scripts of your site.
#BSUB -J "adcc"
#BSUB -n 1
#BSUB -R "rusage[mem=2000MB]"
#BSUB -W 02:30
#BSUB -r
#BSUB -o results/sweep/jobs/adcc-%J.log
#BSUB -q short
#BSUB -P lab12
#BSUB --qos=low
set -eu
export ADCCSIM_CACHE_DIR="$TMPDIR"/adcc
module load python/3.12
exec python -P -m adccsim.cli run 'my sweep.toml' --out results/sweep --engine dask --cluster lsf --site site.toml
