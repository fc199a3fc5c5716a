#!/usr/bin/env bash

#BSUB -J adcc
#BSUB -e results/jobs/adcc-0-%J.err
#BSUB -o results/jobs/adcc-0-%J.out
#BSUB -q short
#BSUB -P "lab12"
#BSUB -n 2
#BSUB -R "span[hosts=1]"
#BSUB -M 1500
#BSUB -W 02:30
#BSUB --qos=low
export ADCCSIM_CACHE_DIR="$TMPDIR"/adcc
module load python/3.12
python -P -m distributed.cli.dask_worker tcp://10.0.0.1:8786 --name adcc-0 --nthreads 2 --memory-limit 1.40GiB --nanny --death-timeout 120 --lifetime 8200s --lifetime-stagger 200s --nthreads 1
