"""The client: what it sends, when it tries again, and what it says when Kibana refuses."""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.integration.kibana import fake_kibana
from tests.integration.kibana.fake_kibana import API_KEY, FakeKibana

from driftlog.contract.errors import ConfigError, KibanaAccessDenied, KibanaError, KibanaUnavailable
from driftlog.contract.kibana import KibanaSettings
from driftlog.contract.strict import Secret
from driftlog.present.kibana.checks import check_alerting, check_space, check_version
from driftlog.present.kibana.client import Kibana

Connect = Callable[[KibanaSettings], Kibana]


def test_it_finds_a_kibana_behind_a_base_path() -> None:
    """The address may end in a path, with or without a slash."""
    with fake_kibana.running(FakeKibana(base="/kibana")) as fake:
        for url in (fake.url, f"{fake.url}/"):
            settings = KibanaSettings(url=url, api_key=Secret(API_KEY))
            with Kibana(settings) as kibana:
                assert check_version(kibana) == "9.5.1"


def test_a_space_is_part_of_the_path(fake: FakeKibana, settings: KibanaSettings, connect: Connect) -> None:
    """/s/<space>, but for what belongs to the whole of Kibana."""
    fake.spaces["ml"] = fake_kibana.Space()
    kibana = connect(msgspec.structs.replace(settings, space="ml"))
    assert check_space(kibana) is False
    check_alerting(kibana)
    assert fake.requests == [("GET", "/api/spaces/space/ml"), ("GET", "/s/ml/api/alerting/_health")]


def test_a_space_that_is_not_there_is_made_only_when_asked(
    fake: FakeKibana, settings: KibanaSettings, connect: Connect
) -> None:
    """Kibana itself would take objects for any space."""
    kibana = connect(msgspec.structs.replace(settings, space="ml"))
    with pytest.raises(KibanaError, match="no space 'ml'") as refused:
        check_space(kibana)
    assert "--create-space" in refused.value.remedy and "ml" not in fake.spaces
    assert check_space(kibana, create=True) is True
    assert "ml" in fake.spaces


@pytest.mark.parametrize("form", ["encoded", "pair", "newline"])
def test_an_api_key_in_any_form(fake: FakeKibana, settings: KibanaSettings, connect: Connect, form: str) -> None:
    """Encoded as Elasticsearch shows it, as id:key, and with the end of the line of a file."""
    text = {"encoded": API_KEY, "pair": "id:secret-key", "newline": f"{API_KEY}\n"}[form]
    assert check_version(connect(msgspec.structs.replace(settings, api_key=Secret(text)))) == "9.5.1"


def test_wrong_credentials_are_refused_at_once(fake: FakeKibana, settings: KibanaSettings, connect: Connect) -> None:
    """401 is not tried again, and neither the key nor a password is in the message."""
    for wrong in (
        msgspec.structs.replace(settings, api_key=Secret("c2VjcmV0OnNlY3JldA==")),
        msgspec.structs.replace(settings, api_key=None, username="elastic", password=Secret("ch4ngeme")),
        msgspec.structs.replace(settings, api_key=None),
    ):
        fake.requests.clear()
        with pytest.raises(KibanaAccessDenied, match="401") as refused:
            check_version(connect(wrong))
        assert len(fake.requests) == 1 and "API key" in refused.value.remedy
        assert "ch4ngeme" not in str(refused.value) and "c2VjcmV0" not in str(refused.value)


def test_what_kibana_quotes_is_shown_without_secrets(
    fake: FakeKibana, settings: KibanaSettings, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither in the error nor in the log of attempts."""
    fake.fail("GET", "status", status=503, body={"message": f"cannot use {API_KEY}\nnor hook-t0ken"}, times=9)
    with (
        caplog.at_level(logging.DEBUG, "driftlog"),
        Kibana(settings, hidden=[Secret("hook-t0ken")], sleep=lambda seconds: None) as kibana,
        pytest.raises(KibanaUnavailable, match=r"cannot use \*\*\* nor \*\*\*"),
    ):
        check_version(kibana)
    assert "tried again" in caplog.text and API_KEY not in caplog.text and "t0ken" not in caplog.text


@pytest.mark.parametrize(
    ("fault", "attempts"),
    [
        ({"status": 429}, 2),
        ({"status": 500}, 2),
        ({"status": 503}, 2),
        ({"drop": True}, 2),
        ({"drop": True, "after": True}, 2),
        ({"status": 400}, 1),
        ({"status": 404}, 1),
        ({"status": 302, "headers": {"Location": "/login"}}, 1),
    ],
)
def test_what_can_help_is_tried_again(
    fake: FakeKibana, settings: KibanaSettings, connect: Connect, fault: dict[str, Any], attempts: int
) -> None:
    """429, 5xx and lost connections once more; a 4xx or a redirect never."""
    fake.fail("GET", "_health", **fault)
    kibana = connect(settings)
    if attempts > 1:
        check_alerting(kibana)
    else:
        with pytest.raises(KibanaError, match=str(fault["status"])):
            check_alerting(kibana)
    assert fake.asked("GET", "_health") == attempts


def test_it_waits_longer_each_time_or_as_long_as_kibana_says(fake: FakeKibana, settings: KibanaSettings) -> None:
    """1, 2, 4 seconds; Retry-After wins, up to half a minute."""
    waited: list[float] = []
    fake.fail("GET", "status", status=503, times=2)
    fake.fail("GET", "status", status=429, headers={"Retry-After": "7"})
    fake.fail("GET", "status", status=429, headers={"Retry-After": "86400"})
    with Kibana(settings, sleep=waited.append) as kibana:
        check_version(kibana)
    assert waited == [1.0, 2.0, 7.0, 30.0]


def test_an_answer_that_takes_too_long_is_given_up(fake: FakeKibana, settings: KibanaSettings) -> None:
    """After timeout_s an attempt has failed, and the next one may succeed."""
    fake.fail("GET", "status", wait_s=3.0, status=200)
    with Kibana(msgspec.structs.replace(settings, timeout_s=0.5), sleep=lambda seconds: None) as kibana:
        try:
            assert check_version(kibana) == "9.5.1"
        except KibanaUnavailable as error:  # a machine so busy that no attempt was answered in time
            assert "does not answer" in error.message
    assert fake.asked("GET", "status") >= 2


def test_nobody_at_the_address(connect: Connect) -> None:
    """The message names it, and what to check."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(KibanaUnavailable, match=url) as refused:
            check_version(connect(KibanaSettings(url=url)))
    assert "--url" in refused.value.remedy


@pytest.mark.parametrize(("version", "fine"), [("8.19.4", False), ("9.0.0", True), ("10.1.0-SNAPSHOT", True)])
def test_versions_of_kibana(version: str, fine: bool, settings: KibanaSettings) -> None:
    """9.0 or later."""
    with (
        fake_kibana.running(FakeKibana(version=version)) as fake,
        Kibana(msgspec.structs.replace(settings, url=fake.url)) as kibana,
    ):
        if fine:
            assert check_version(kibana) == version
        else:
            with pytest.raises(KibanaError, match=r"Kibana 8\.19\.4; 9\.0 or later"):
                check_version(kibana)


def test_something_else_than_kibana(fake: FakeKibana, settings: KibanaSettings, connect: Connect) -> None:
    """Another web server that answers 200 is found out."""
    for body in ("<html>hello</html>", {"status": {"overall": {"level": "available"}}}, [1]):
        fake.fail("GET", "status", status=200, body=body)
        with pytest.raises(KibanaError, match="does not say the version"):
            check_version(connect(settings))


def test_without_encryption_key_or_tls_it_says_what_to_set(
    fake: FakeKibana, settings: KibanaSettings, connect: Connect
) -> None:
    """Before anything is written."""
    fake.health = {"is_sufficiently_secure": True, "has_permanent_encryption_key": False}
    with pytest.raises(KibanaError, match="no encryption key") as refused:
        check_alerting(connect(settings))
    assert "xpack.encryptedSavedObjects.encryptionKey" in refused.value.remedy
    fake.health = {"is_sufficiently_secure": False, "has_permanent_encryption_key": True}
    with pytest.raises(KibanaError, match="API keys"):
        check_alerting(connect(settings))


def test_the_certificate_is_verified(tmp_path: Path, fake: FakeKibana, settings: KibanaSettings) -> None:
    """An unknown authority is refused at once; with its file it is trusted; a file that is not there is named."""
    authority = _certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    with fake_kibana.running(FakeKibana(), context) as secure:
        trusted = msgspec.structs.replace(settings, url=secure.url, ca_certs=str(authority))
        with Kibana(trusted) as kibana:
            assert check_version(kibana) == "9.5.1"
        with (
            Kibana(msgspec.structs.replace(trusted, ca_certs=None), sleep=lambda seconds: None) as kibana,
            pytest.raises(KibanaError, match="cannot be verified") as refused,
        ):
            check_version(kibana)
        assert "--ca" in refused.value.remedy and len(secure.requests) == 1
    with pytest.raises(ConfigError, match="no such file"):
        Kibana(msgspec.structs.replace(trusted, ca_certs=str(tmp_path / "none.pem")))


def _certificate(folder: Path) -> Path:
    """A self-signed certificate for 127.0.0.1; the path of what trusts it."""
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "fake kibana")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "cert.pem"
