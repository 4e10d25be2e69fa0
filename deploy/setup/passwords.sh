#!/bin/sh
# The passwords of .env, each into the folder of the service that needs it.
#
# Refuses what is missing, short or hard to quote. May be run again, and killed, at any time: a file is written beside its
# place and renamed. A password that was changed in .env is changed here; docs/deploy.md says what else has to be done.
set -eu
umask 077

SECRETS=${SECRETS:-/secrets}
CHOWN=${CHOWN:-chown}

fail() { echo "passwords: error: $*" >&2; exit 1; }

check() { # name value length
  case $2 in
    '') fail "$1 is not set: write it to .env, for example the output of \`openssl rand -hex $3\`" ;;
    *[!A-Za-z0-9_.~-]*) fail "$1 may hold letters, digits and _ . ~ - only: \`openssl rand -hex $3\` makes one" ;;
  esac
  [ "${#2}" -ge "$3" ] || fail "$1 has ${#2} characters; it needs $3 or more: \`openssl rand -hex $3\` makes one"
}

put() { # value file owner
  folder=${2%/*}
  mkdir -p "$SECRETS/$folder"
  rm -f "$SECRETS/$2.new"
  printf %s "$1" > "$SECRETS/$2.new"
  $CHOWN "$3" "$SECRETS/$2.new" "$SECRETS/$folder"
  chmod 400 "$SECRETS/$2.new"
  chmod 750 "$SECRETS/$folder"
  mv -f "$SECRETS/$2.new" "$SECRETS/$2"
}

check ELASTIC_PASSWORD "${ELASTIC_PASSWORD:-}" 16
check KIBANA_SYSTEM_PASSWORD "${KIBANA_SYSTEM_PASSWORD:-}" 16
check KIBANA_ENCRYPTION_KEY "${KIBANA_ENCRYPTION_KEY:-}" 32
check LOGSTASH_HTTP_PASSWORD "${LOGSTASH_HTTP_PASSWORD:-}" 16
check GRAFANA_ADMIN_PASSWORD "${GRAFANA_ADMIN_PASSWORD:-}" 16

put "$ELASTIC_PASSWORD" elasticsearch/elastic_password 1000:0
put "$ELASTIC_PASSWORD" setup/elastic_password 0:0
put "$KIBANA_SYSTEM_PASSWORD" setup/kibana_system_password 0:0
put "$KIBANA_SYSTEM_PASSWORD" kibana/system_password 1000:0
put "$KIBANA_ENCRYPTION_KEY" kibana/encryption_key 1000:0
put "$LOGSTASH_HTTP_PASSWORD" logstash/http_password 1000:1000
put "$GRAFANA_ADMIN_PASSWORD" grafana/admin_password 472:0
echo "passwords: ready"
