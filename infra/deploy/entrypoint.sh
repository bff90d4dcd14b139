#!/bin/sh
# The image's way in, and the only place that lets the service listen beyond loopback: inside a
# container it must, and docker-compose.yml publishes its port on 127.0.0.1 alone.
set -eu
export LEDGER_LISTEN="${LEDGER_LISTEN:-0.0.0.0}"
exec credit-ledger "$@"
