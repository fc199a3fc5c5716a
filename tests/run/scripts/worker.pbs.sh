#!/usr/bin/env bash

#PBS -N adcc
#PBS -q short
#PBS -A lab12
#PBS -l select=1:ncpus=2:mem=1431MB
#PBS -l walltime=02:30:00
#PBS -e results/jobs/
#PBS -o results/jobs/
#PBS --qos=low
export DASK_TEMPORARY_DIRECTORY="$(mktemp -d)"
trap 'rm -rf "$DASK_TEMPORARY_DIRECTORY"' EXIT
export DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION=True
export DASK_DISTRIBUTED__COMM__TLS__CA_FILE="$(cat results/jobs/tls-1/certificate.pem)"
export DASK_DISTRIBUTED__COMM__TLS__WORKER__CERT="$(cat results/jobs/tls-1/certificate.pem)"
export DASK_DISTRIBUTED__COMM__TLS__WORKER__KEY="$(cat results/jobs/tls-1/key.pem)"
export DASK_DISTRIBUTED__WORKER__HTTP__ROUTES='[]'
export ADCCSIM_CACHE_DIR="$TMPDIR"/adcc
module load python/3.12
python -P -m distributed.cli.dask_worker tls://10.0.0.1:8786 --name adcc-0 --nthreads 2 --memory-limit 1.40GiB --nanny --death-timeout 120 --lifetime 8200s --lifetime-stagger 200s --no-dashboard --dashboard-address 127.0.0.1:0 --nthreads 1 --protocol tls://
