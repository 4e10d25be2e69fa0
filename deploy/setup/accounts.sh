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

# folder/file:role:user:group; `kibana` is no role of driftlog's: see kibana_key
KEYS="
  logstash/api_key:logstash:1000:1000
  worker/api_key:worker:10001:10001
  janitor/api_key:janitor:10001:10001
  exporter/api_key:exporter:10001:10001
  cli/api_key:administrator:10001:10001
  kibana-objects/api_key:kibana:10001:10001
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

kibana_key() { # name file: a key that may install dashboards and rules, and do what the rules do (docs/kibana-rules.md)
  "$PYTHON" - "$1" "$2" << 'END'
import base64, json, os, ssl, sys, urllib.error, urllib.request
from driftlog.config.load import load_settings

name, file = sys.argv[1:]
settings = load_settings(None, os.environ)
there, prefix = settings.elasticsearch, settings.prefix
indices = [
    {
        "names": [f"{prefix}-{kind}" for kind in ("alerts", "runs.*", "results.*", "quarantine.*", "predictions.*")],
        "privileges": ["read", "view_index_metadata"],
    },
    {"names": [f"{prefix}-notices"], "privileges": ["create_doc", "auto_configure"]},
]
application = {
    "application": "kibana-.kibana",
    "privileges": ["feature_stackAlerts.all", "feature_actions.all", "feature_savedObjectsManagement.all"],
    "resources": [f"space:{settings.kibana.space}"],
}
body = {
    "name": name,
    "role_descriptors": {"driftlog_kibana": {"indices": indices, "applications": [application]}},
    "metadata": {"driftlog": {"prefix": prefix, "role": "driftlog_kibana"}},
}
account = base64.b64encode(f"{there.username}:{there.password.reveal()}".encode()).decode()
url = there.urls[0].rstrip("/") + "/_security/api_key"
headers = {"Authorization": f"Basic {account}", "Content-Type": "application/json"}
request = urllib.request.Request(url, data=json.dumps(body).encode(), headers=headers, method="POST")
context = ssl.create_default_context(cafile=there.ca_certs)
try:
    handlers = urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    answer = json.load(urllib.request.build_opener(*handlers).open(request, timeout=20))
except (OSError, ValueError) as error:
    sys.exit(f"accounts: error: no key for Kibana: {url}: {error}")
with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as target:
    target.write(answer["encoded"] + "\n")
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
  name=driftlog-compose-$(echo "${entry%%:*}" | tr / -)
  case $role in
    kibana) kibana_key "$name" "$file.new" ;;
    *) "$DRIFTLOG" keys create "$role" --name "$name" --output "$file.new" ;;
  esac
  $CHOWN "$owner" "$file.new"
  chmod 400 "$file.new"
  mv -f "$file.new" "$file"
  echo "accounts: $file: made, with the role $role"
done
echo "accounts: ready"
