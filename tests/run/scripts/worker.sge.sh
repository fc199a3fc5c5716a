#!/usr/bin/env bash

#$ -N adcc
#$ -q short
#$ -P lab12
#$ -l h_rt=02:30:00
#$ -e results/jobs/
#$ -o results/jobs/
#$ -cwd
#$ -j y
#$ --qos=low
export ADCCSIM_CACHE_DIR="$TMPDIR"/adcc
module load python/3.12
python -P -m distributed.cli.dask_worker tcp://10.0.0.1:8786 --name adcc-0 --nthreads 2 --memory-limit 1.40GiB --nanny --death-timeout 120 --lifetime 8200s --lifetime-stagger 200s --nthreads 1
