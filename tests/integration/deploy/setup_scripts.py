"""The scripts of deploy/setup, run where no container is: folders for volumes, a stand-in for what only images have."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from zipfile import ZipFile

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

SETUP = Path(__file__).parents[3] / "deploy" / "setup"
SERVERS = ("elasticsearch", "kibana", "logstash", "grafana")
EVERYBODY = (*SERVERS, "shipper", "worker", "janitor", "exporter", "cli", "kibana-objects")

CERTUTIL = """#!/bin/sh
# Stands in for elasticsearch-certutil: the same options, answers made before; a line for every call.
set -eu
mode=$1; shift
out='' in='' ca='' key=''
while [ $# -gt 0 ]; do
  case $1 in
    --silent | --pem) shift ;;
    --out) out=$2; shift 2 ;;
    --in) in=$2; shift 2 ;;
    --days) shift 2 ;;
    --ca-cert) ca=$2; shift 2 ;;
    --ca-key) key=$2; shift 2 ;;
    *) echo "unknown option $1" >&2; exit 64 ;;
  esac
done
echo "$mode" >> "$MADE/calls"
case $mode in
  ca) cp "$MADE/ca.zip" "$out" ;;
  cert) [ -s "$in" ] && [ -s "$ca" ] && [ -s "$key" ]; cp "$MADE/issued.zip" "$out" ;;
  *) exit 64 ;;
esac
"""

SHIM = """#!/bin/sh
# Counts what the script does, and kills it before the step that DIE_AT names; a copy gets half way.
read -r count < "$STEPS" # nothing but built-in commands here: the others are such scripts themselves
count=$((count + 1))
echo "$count" > "$STEPS"
if [ "$count" = "${DIE_AT:-0}" ]; then
  if [ TOOL = cp ]; then for last; do :; done; echo half > "$last"; fi
  kill -9 "$PPID"
  exit 137
fi
exec REAL "$@"
"""


class Stand:
    """A place to run the scripts in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = folder / "authority"
        self.secrets = folder / "secrets"
        self.made = folder / "made"
        self.made.mkdir(parents=True)
        self.certutil = folder / "certutil"
        write_program(self.certutil, CERTUTIL)

    def environment(self, **more: str) -> dict[str, str]:
        own = {
            "PATH": os.environ["PATH"],
            "AUTHORITY": str(self.authority),
            "SECRETS": str(self.secrets),
            "CERTUTIL": str(self.certutil),
            "MADE": str(self.made),
            "CHOWN": "true",  # the tests need not be root
        }
        return own | more

    def run(self, script: str, *arguments: str, shell: str = "sh", **more: str) -> subprocess.CompletedProcess[str]:
        return run([shell, str(SETUP / script), *arguments], self.environment(**more))

    def calls(self) -> list[str]:
        """What certutil was asked for so far."""
        path = self.made / "calls"
        return path.read_text().split() if path.exists() else []


def run(command: list[str], environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=dict(environ), capture_output=True, text=True, timeout=170, check=False)


def write_program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def mode(path: Path) -> str:
    return oct(stat.S_IMODE(path.stat().st_mode))


def prepare_answers(stand: Stand, instances: Path) -> None:
    """An authority, and certificates for `instances`, zipped as certutil zips them."""
    now = datetime.now(UTC)
    authority_key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority of a test")])
    authority = (
        _builder(name, name, authority_key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    with ZipFile(stand.made / "ca.zip", "w") as archive:
        archive.writestr("ca/ca.crt", authority.public_bytes(serialization.Encoding.PEM))
        archive.writestr("ca/ca.key", _pem(authority_key))
    with ZipFile(stand.made / "issued.zip", "w") as archive:
        for instance in yaml.safe_load(instances.read_text())["instances"]:
            key = ec.generate_private_key(ec.SECP256R1())
            subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, instance["name"])])
            names = [x509.DNSName(each) for each in instance["dns"]]
            names += [x509.IPAddress(ip_address(each)) for each in instance["ip"]]
            certificate = (
                _builder(subject, name, key.public_key(), now)
                .add_extension(x509.SubjectAlternativeName(names), critical=False)
                .sign(authority_key, hashes.SHA256())
            )
            path = f"{instance['name']}/{instance['name']}"
            archive.writestr(f"{path}.crt", certificate.public_bytes(serialization.Encoding.PEM))
            archive.writestr(f"{path}.key", _pem(key))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def check_certificates(secrets: Path) -> dict[str, x509.Certificate]:
    """Each service has the authority, and a server a pair that belongs together and was signed by it."""
    found = {}
    authority = x509.load_pem_x509_certificate((secrets / "elasticsearch" / "ca.crt").read_bytes())
    for service in EVERYBODY:
        folder = secrets / service
        assert (folder / "ca.crt").read_bytes() == (secrets / "elasticsearch" / "ca.crt").read_bytes()
        assert [path.name for path in folder.iterdir() if path.name.endswith(".new")] == []
        assert mode(folder) == "0o750"
        if service in (*SERVERS, "shipper"):
            certificate = x509.load_pem_x509_certificate((folder / "tls.crt").read_bytes())
            certificate.verify_directly_issued_by(authority)
            key = serialization.load_pem_private_key((folder / "tls.key").read_bytes(), None)
            assert key.public_key() == certificate.public_key(), service
            assert mode(folder / "tls.key") == "0o400"
            found[service] = certificate
        else:
            assert not (folder / "tls.key").exists(), service
    return found


def names_of(certificate: x509.Certificate) -> set[str]:
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {*extension.get_values_for_type(x509.DNSName), *map(str, extension.get_values_for_type(x509.IPAddress))}
