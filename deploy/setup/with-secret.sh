#!/bin/sh
# Run a command with secrets from files in its environment.
#
#   with-secret.sh VARIABLE=FILE ... -- COMMAND ARGUMENT ...
#
# The images read keys from the environment only. Files are in a volume of the service's own, so that no key stands in
# the compose file, in .env or in `docker inspect`.
set -eu

while [ $# -gt 0 ] && [ "$1" != -- ]; do
  variable=${1%%=*} file=${1#*=}
  case $1 in *=*) ;; *) variable='' ;; esac
  case $variable in '' | [0-9]* | *[!A-Za-z0-9_]*) echo "with-secret: $1: write VARIABLE=FILE" >&2; exit 64 ;; esac
  if [ ! -r "$file" ]; then
    echo "with-secret: $file cannot be read by $(id -u): has the service accounts ended well? (docker compose logs accounts)" >&2
    exit 66
  fi
  value=$(cat "$file")
  if [ -z "$value" ]; then
    echo "with-secret: $file is empty" >&2
    exit 66
  fi
  export "$variable=$value"
  shift
done
if [ $# -lt 2 ]; then
  echo "usage: with-secret.sh VARIABLE=FILE ... -- COMMAND ARGUMENT ..." >&2
  exit 64
fi
shift
exec "$@"
