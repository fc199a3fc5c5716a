#!/usr/bin/env bash

#PBS -N adcc
#PBS -q short
#PBS -A lab12
#PBS -l select=1:ncpus=2:mem=1431MB
#PBS -l walltime=02:30:00
#PBS -e results/jobs/
#PBS -o results/jobs/
#PBS --qos=low
export ADCCSIM_CACHE_DIR="$TMPDIR"/adcc
module load python/3.12
python -P -m distributed.cli.dask_worker tcp://10.0.0.1:8786 --name adcc-0 --nthreads 2 --memory-limit 1.40GiB --nanny --death-timeout 120 --lifetime 8200s --lifetime-stagger 200s --nthreads 1
