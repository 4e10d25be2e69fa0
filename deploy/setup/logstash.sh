#!/bin/sh
# Start Logstash in its container: its inputs want keys in the PKCS8 form, its output wants the API key as "id:key".
#
#   SECRETS  folder with ca.crt, tls.crt, tls.key, api_key and http_password
#   RUN      folder in memory, where the key in its other form is put
set -eu
umask 077

SECRETS=${SECRETS:-/run/driftlog}
RUN=${RUN:-/tmp}

for file in ca.crt tls.crt tls.key api_key http_password; do
  if [ ! -r "$SECRETS/$file" ]; then
    echo "logstash.sh: $SECRETS/$file cannot be read by $(id -u): have certificates and accounts ended well?" >&2
    exit 66
  fi
done
openssl pkcs8 -topk8 -nocrypt -in "$SECRETS/tls.key" -out "$RUN/logstash.pkcs8.key"
DRIFTLOG_TLS_KEY=$RUN/logstash.pkcs8.key
DRIFTLOG_ELASTICSEARCH_API_KEY=$(cat "$SECRETS/api_key")
DRIFTLOG_HTTP_PASSWORD=$(cat "$SECRETS/http_password")
export DRIFTLOG_TLS_KEY DRIFTLOG_ELASTICSEARCH_API_KEY DRIFTLOG_HTTP_PASSWORD
exec "$@"
