#!/bin/sh
# Templates, models, roles, and an API key for every service, each in the folder of its service.
#
# May be run again at any time: a key that the cluster still takes stays; one that it refuses, or that is not there, is made
# anew. Killed after a key was made and before it was put in its place, the next run makes another; nobody has the lost one
# (`driftlog keys list` shows it, `driftlog keys revoke` takes it back).
#
#   DRIFTLOG_ELASTICSEARCH__*  an account that may manage security
#   SECRETS                    folder with a folder for every service
set -eu
umask 077

SECRETS=${SECRETS:-/secrets}
CHOWN=${CHOWN:-chown}
DRIFTLOG=${DRIFTLOG:-driftlog}
PYTHON=${PYTHON:-python}

# folder/file:role:user:group
KEYS="
  logstash/api_key:logstash:1000:1000
  worker/api_key:worker:10001:10001
  janitor/api_key:janitor:10001:10001
  exporter/api_key:viewer:10001:10001
  cli/api_key:administrator:10001:10001
  grafana/api_key:viewer:472:0
  grafana/predictions_api_key:analyst:472:0
"

taken() { # file: 0 when the cluster takes its key, 1 when it refuses it, 2 when it does not answer
  "$PYTHON" - "$1" << 'END'
import base64, os, ssl, sys, urllib.error, urllib.request

key = open(sys.argv[1], encoding="ascii").read().strip()
if ":" in key:  # as Logstash takes it
    key = base64.b64encode(key.encode()).decode()
url = os.environ["DRIFTLOG_ELASTICSEARCH__URLS"].split(",")[0].rstrip("/") + "/_security/_authenticate"
context = ssl.create_default_context(cafile=os.environ.get("DRIFTLOG_ELASTICSEARCH__CA_CERTS") or None)
request = urllib.request.Request(url, headers={"Authorization": f"ApiKey {key}"})
try:
    handlers = urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    urllib.request.build_opener(*handlers).open(request, timeout=20).read()
except urllib.error.HTTPError as error:
    sys.exit(1 if error.code in (401, 403) else 2)
except OSError as error:
    print(f"accounts: {url}: {error}", file=sys.stderr)
    sys.exit(2)
END
}

"$DRIFTLOG" setup --roles

for entry in $KEYS; do
  file=$SECRETS/${entry%%:*} rest=${entry#*:}
  role=${rest%%:*} owner=${rest#*:}
  mkdir -p "${file%/*}"
  state=1
  if [ -s "$file" ]; then
    state=0
    taken "$file" || state=$?
  fi
  case $state in
    0) echo "accounts: $file: kept"; continue ;;
    1) ;;
    *) echo "accounts: error: the cluster did not say whether it takes $file; run it again" >&2; exit 1 ;;
  esac
  rm -f "$file.new"
  "$DRIFTLOG" keys create "$role" --name "driftlog-compose-$(echo "${entry%%:*}" | tr / -)" --output "$file.new"
  $CHOWN "$owner" "$file.new"
  chmod 400 "$file.new"
  mv -f "$file.new" "$file"
  echo "accounts: $file: made, with the role $role"
done
echo "accounts: ready"
