#!/bin/bash
# One small job that gives out the work; it asks for worker jobs as the site file says. Where it may,
# its command can run on a login node as well, in tmux or screen.
# Not tested on a real PBS: compare with the scripts of your site.
#PBS -N adcc
#PBS -l select=1:ncpus=1:mem=2000mb
#PBS -l walltime=02:30:00
#PBS -r y
#PBS -j oe
#PBS -o results/sweep/jobs/
#PBS -q short
#PBS -A lab12
#PBS --qos=low
set -eu
export ADCCSIM_CACHE_DIR="$TMPDIR"/adcc
module load python/3.12
exec python -P -m adccsim.cli run 'my sweep.toml' --out results/sweep --engine dask --cluster pbs --site site.toml
