#!/bin/sh
# Certificates of the stack: an authority, and for every service a certificate in a folder of the service's own.
#
# Run it as often as you like: what is there and still fits stays. It may be killed at any line: everything is written
# beside its place and then renamed, and what the last run left half done is made again.
#
#   AUTHORITY  folder of the authority and of what it issued; no service sees it
#   SECRETS    folder with a folder for every service
#   TLS_HOSTS  further names and addresses by which the services are reached, separated by spaces or commas
#   TLS_RENEW_DAYS  a certificate is made anew after so many days (it is valid for three years)
set -eu
umask 077

AUTHORITY=${AUTHORITY:-/authority}
SECRETS=${SECRETS:-/secrets}
CERTUTIL=${CERTUTIL:-/usr/share/elasticsearch/bin/elasticsearch-certutil}
CHOWN=${CHOWN:-chown}
TLS_HOSTS=${TLS_HOSTS:-}
TLS_RENEW_DAYS=${TLS_RENEW_DAYS:-700}

# service:user:group, as its image runs it; then those that need no certificate, only the authority's
SERVERS="elasticsearch:1000:0 kibana:1000:0 logstash:1000:1000 grafana:472:0"
CLIENTS="shipper:10001:10001"
READERS="worker:10001:10001 janitor:10001:10001 exporter:10001:10001 cli:10001:10001 kibana-objects:10001:10001"

say() { echo "certificates: $*"; }
fail() { echo "certificates: error: $*" >&2; exit 1; }
same() { [ -f "$1" ] && [ -f "$2" ] && [ "$(cat "$1")" = "$(cat "$2")" ]; } # the image has no cmp

mkdir -p "$AUTHORITY"
case $TLS_RENEW_DAYS in '' | *[!0-9]*) fail "TLS_RENEW_DAYS=$TLS_RENEW_DAYS is not a number of days" ;; esac
rm -rf "$AUTHORITY"/*.new "$AUTHORITY"/*.old

# 1. the authority
if [ ! -f "$AUTHORITY/ca/ca.key" ] || [ ! -f "$AUTHORITY/ca/ca.crt" ]; then
  say "making an authority"
  mkdir "$AUTHORITY/ca.new"
  "$CERTUTIL" ca --silent --pem --days 3650 --out "$AUTHORITY/ca.new/ca.zip"
  unzip -q "$AUTHORITY/ca.new/ca.zip" -d "$AUTHORITY/ca.new"
  rm -rf "$AUTHORITY/ca"
  mv "$AUTHORITY/ca.new/ca" "$AUTHORITY/ca"
  rm -rf "$AUTHORITY/ca.new"
fi

# 2. what the certificates shall say
dns='' ip=''
for host in $(echo "$TLS_HOSTS" | tr ',' ' '); do
  case $host in
    *[!A-Za-z0-9.:-]* | -*) fail "TLS_HOSTS: $host is neither a host name nor an address" ;;
    *:* | *[!0-9.]*) case $host in *:*) ip="$ip, \"$host\"" ;; *) dns="$dns, \"$host\"" ;; esac ;;
    *) ip="$ip, \"$host\"" ;;
  esac
done
{
  echo "instances:"
  for server in $SERVERS; do
    name=${server%%:*}
    also=''
    [ "$name" = logstash ] && also=', "logstash-2"'
    echo "  - {name: $name, dns: [\"$name\"$also, \"localhost\"$dns], ip: [\"127.0.0.1\"$ip]}"
  done
  for client in $CLIENTS; do
    echo "  - {name: ${client%%:*}, dns: [\"${client%%:*}\"], ip: []}"
  done
} > "$AUTHORITY/instances.new"

# 3. the certificates, all together
issued=$AUTHORITY/issued
if ! same "$AUTHORITY/instances.new" "$issued/instances.yml"; then reason="the names have changed"; fi
if ! same "$AUTHORITY/ca/ca.crt" "$issued/ca.crt"; then reason="there are none of this authority"; fi
if [ -n "$(find "$issued/instances.yml" -mtime "+$TLS_RENEW_DAYS" 2> /dev/null)" ]; then reason="they are old"; fi
if [ -n "${reason:-}" ]; then
  say "making certificates: $reason"
  mkdir "$issued.new"
  "$CERTUTIL" cert --silent --pem --in "$AUTHORITY/instances.new" --out "$issued.new/issued.zip" \
    --ca-cert "$AUTHORITY/ca/ca.crt" --ca-key "$AUTHORITY/ca/ca.key"
  unzip -q "$issued.new/issued.zip" -d "$issued.new"
  rm "$issued.new/issued.zip"
  cp "$AUTHORITY/ca/ca.crt" "$issued.new/ca.crt"
  cp "$AUTHORITY/instances.new" "$issued.new/instances.yml"
  if [ -d "$issued" ]; then mv "$issued" "$issued.old"; fi
  mv "$issued.new" "$issued"
fi
rm -rf "$AUTHORITY"/*.new "$AUTHORITY"/*.old

# 4. to each service its own
place() { # from to owner mode
  if same "$1" "$2"; then
    $CHOWN "$3" "$2"
    chmod "$4" "$2"
    return
  fi
  rm -f "$2.new"
  cp "$1" "$2.new"
  $CHOWN "$3" "$2.new"
  chmod "$4" "$2.new"
  mv -f "$2.new" "$2"
}
for service in $SERVERS $CLIENTS $READERS; do
  name=${service%%:*} owner=${service#*:}
  folder=$SECRETS/$name
  mkdir -p "$folder"
  place "$issued/ca.crt" "$folder/ca.crt" "$owner" 444
  if [ -f "$issued/$name/$name.key" ]; then
    place "$issued/$name/$name.key" "$folder/tls.key" "$owner" 400
    place "$issued/$name/$name.crt" "$folder/tls.crt" "$owner" 444
  fi
  $CHOWN "$owner" "$folder"
  chmod 750 "$folder"
done
say "ready"
