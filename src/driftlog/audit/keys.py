"""The Ed25519 key that signs heads: made once, kept in a file that only its owner can read."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from driftlog.contract.auditing import AuditSettings
from driftlog.contract.errors import ConfigError, UsageError
from driftlog.contract.strict import Secret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_BEGIN: Final = "-----BEGIN PUBLIC KEY-----"
_END: Final = "-----END PUBLIC KEY-----"


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A public key; `id` is the beginning of the SHA-256 of its 32 bytes."""

    id: str
    key: Ed25519PublicKey

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Whether the signature is this key's over `message`."""
        from cryptography.exceptions import InvalidSignature

        try:
            self.key.verify(signature, message)
        except InvalidSignature:
            return False
        return True

    def pem(self) -> str:
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        return self.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key."""

    key: Ed25519PrivateKey

    @property
    def public(self) -> VerifyingKey:
        return _verifying(self.key.public_key())

    @property
    def id(self) -> str:
        return self.public.id

    def sign(self, message: bytes) -> bytes:
        return self.key.sign(message)


def _verifying(key: Ed25519PublicKey) -> VerifyingKey:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return VerifyingKey(hashlib.sha256(raw).hexdigest()[:16], key)


def make_key(path: Path, public_path: Path, password: Secret | None = None) -> SigningKey:
    """Make a key pair; the private file can be read by its owner alone.

    Raises
    ------
    UsageError
        One of the files is there already, or its folder cannot be written to.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        KeySerializationEncryption,
        NoEncryption,
        PrivateFormat,
    )

    key = SigningKey(Ed25519PrivateKey.generate())
    encryption: KeySerializationEncryption = NoEncryption()
    if password:
        encryption = BestAvailableEncryption(password.reveal().encode())
    private = key.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
    try:
        for file in (path, public_path):
            if file.exists():
                raise FileExistsError(17, "File exists", str(file))
        _write_new(path, private, 0o600)
        _write_new(public_path, key.public.pem().encode(), 0o644)
    except FileExistsError as error:
        raise UsageError(
            f"{error.filename} exists already",
            remedy="heads signed with an old key can be verified only with it: keep it, or name another file",
        ) from error
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be written: {error.strerror}", remedy="name another file") from error
    return key


def _write_new(path: Path, content: bytes, mode: int) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def load_signing_key(settings: AuditSettings) -> SigningKey:
    """The key of `audit.signing_key`.

    Raises
    ------
    ConfigError
        The file cannot be read, others can read it too, it holds something else, or the password is wrong.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    path = Path(settings.signing_key)
    where = {"path": "audit.signing_key", "value": settings.signing_key}
    password = settings.signing_password.reveal().encode() if settings.signing_password else None
    try:
        if path.stat().st_mode & 0o077:
            raise ConfigError("can be read by others than its owner", remedy=f"chmod 600 {path}", **where)
        key: Any = load_pem_private_key(path.read_bytes(), password)
    except OSError as error:
        raise ConfigError(
            f"cannot be read: {error.strerror}", remedy="`driftlog audit key` makes one", **where
        ) from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigError(
            "is no private key, or audit.signing_password does not open it", remedy="`driftlog audit key`", **where
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError("is no Ed25519 key", remedy="`driftlog audit key` makes one", **where)
    return SigningKey(key)


def load_verifying_keys(text: str, *, where: str) -> list[VerifyingKey]:
    """Public keys (PEM) in a text; several after a change of keys.

    Raises
    ------
    ConfigError
        There is none, or one cannot be read.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    keys = []
    for part in text.split(_BEGIN)[1:]:
        pem = f"{_BEGIN}{part.partition(_END)[0]}{_END}\n"
        try:
            key: Any = load_pem_public_key(pem.encode())
        except (ValueError, UnsupportedAlgorithm) as error:
            raise ConfigError("holds a public key that cannot be read", path=where) from error
        if not isinstance(key, Ed25519PublicKey):
            raise ConfigError("holds a public key that is not Ed25519", path=where)
        keys.append(_verifying(key))
    if not keys:
        raise ConfigError("holds no public key (PEM)", path=where, remedy="`driftlog audit key` writes one")
    return keys


def trusted_keys(settings: AuditSettings) -> list[VerifyingKey]:
    """The keys whose signatures count: of `audit.public_key`, else the public half of `audit.signing_key`."""
    if settings.public_key:
        try:
            text = Path(settings.public_key).read_text(encoding="ascii", errors="replace")
        except OSError as error:
            raise ConfigError(
                f"cannot be read: {error.strerror}", path="audit.public_key", value=settings.public_key
            ) from error
        return load_verifying_keys(text, where="audit.public_key")
    return [load_signing_key(settings).public] if settings.signing_key else []
