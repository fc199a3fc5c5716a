#!/bin/bash
# One small job that gives out the work; it asks for worker jobs as the site file says. Where it may,
# its command can run on a login node as well, in tmux or screen.
# Not tested on a real SGE: compare with the scripts of your site.
#$ -N adcc
#$ -cwd
#$ -V
#$ -S /bin/bash
#$ -l h_rt=02:30:00
#$ -l h_vmem=2000M
#$ -r y
#$ -j y
#$ -o results/sweep/jobs/
#$ -q short
#$ -P lab12
#$ --qos=low
set -eu
export ADCCSIM_CACHE_DIR="$TMPDIR"/adcc
module load python/3.12
exec python -P -m adccsim.cli run 'my sweep.toml' --out results/sweep --engine dask --cluster sge --site site.toml
