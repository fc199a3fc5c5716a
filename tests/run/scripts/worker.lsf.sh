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
