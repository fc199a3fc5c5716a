#!/usr/bin/env bash

#SBATCH -J adcc
#SBATCH -e results/jobs/adcc-%J.err
#SBATCH -o results/jobs/adcc-%J.out
#SBATCH -p short
#SBATCH -A lab12
#SBATCH -n 1
#SBATCH --cpus-per-task=2
#SBATCH --mem=2G
#SBATCH -t 02:30:00
#SBATCH --qos=low
export ADCCSIM_CACHE_DIR="$TMPDIR"/adcc
module load python/3.12
python -P -m distributed.cli.dask_worker tcp://10.0.0.1:8786 --name adcc-0 --nthreads 2 --memory-limit 1.40GiB --nanny --death-timeout 120 --lifetime 8200s --lifetime-stagger 200s --nthreads 1
