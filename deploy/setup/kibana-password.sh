#!/bin/sh
# Give Kibana's own account (kibana_system) its password. May be run again at any time.
#
#   ELASTICSEARCH_URL  https://elasticsearch:9200
#   SECRETS            folder with ca.crt, elastic_password and kibana_system_password
#   TRIES              how often it is tried, 5 seconds apart
set -eu

SECRETS=${SECRETS:-/run/driftlog}
TRIES=${TRIES:-24}
PAUSE=${PAUSE:-5}
path=/_security/user/kibana_system/_password

for file in ca.crt elastic_password kibana_system_password; do
  [ -r "$SECRETS/$file" ] || { echo "kibana-password: $SECRETS/$file cannot be read: run setup" >&2; exit 66; }
done

try=1
while :; do
  # Passwords reach curl by its standard input and never by its arguments, which every process may read.
  code=$(
    curl --silent --show-error --output /dev/null --write-out '%{http_code}' --max-time 20 \
      --cacert "$SECRETS/ca.crt" --config - --request POST "$ELASTICSEARCH_URL$path" << END || true
user = "elastic:$(cat "$SECRETS/elastic_password")"
header = "Content-Type: application/json"
data = "{\"password\":\"$(cat "$SECRETS/kibana_system_password")\"}"
END
  )
  case $code in
    200) echo "kibana-password: set"; exit 0 ;;
    401)
      echo "kibana-password: error: the cluster has another password for elastic than .env (401). It was set when the data" \
        "volume was made; change it with elasticsearch-reset-password, or set .env to it" >&2
      exit 1
      ;;
    400 | 403) echo "kibana-password: error: refused with $code" >&2; exit 1 ;;
  esac
  if [ "$try" -ge "$TRIES" ]; then
    echo "kibana-password: error: Elasticsearch at $ELASTICSEARCH_URL gave no answer (${code:-none}) in $TRIES tries" >&2
    exit 1
  fi
  try=$((try + 1))
  sleep "$PAUSE"
done
