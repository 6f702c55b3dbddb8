"""A certificate of our own for --https: browsers ask once whether to trust it.

Phones give their camera to https:// alone. Kept in the settings folder, so that they ask once.
"""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from engines.atomic_write import atomic_write
from engines.errors import UsageError

_DAYS, _LEFT_DAYS = 365, 7
_MOST_BYTES = 2**16


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key, both in one file that only the user can read."""

    path: Path
    fingerprint: str
    """SHA-256, as browsers show it."""


def own_certificate(folder: Path, names: list[str]) -> Certificate:
    """Return the certificate in ``folder`` that holds for ``names``, hosts and addresses.

    It is made where there is none, or it runs out, or is for others. Raises UsageError where it
    cannot be kept.
    """
    path = folder / "certificate.pem"
    try:
        found = _read(path)
        if found is None or not _serves(found, names):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            found, content = _make(names)
            with atomic_write(path, private=True) as written:
                written.write_bytes(content)
    except OSError as error:
        raise UsageError(
            f"--https: {path} cannot be written ({error.strerror}). LIVEBRUSH_CONFIG names another "
            "folder."
        ) from error
    return Certificate(path, found.fingerprint(hashes.SHA256()).hex(":").upper())


def _read(path: Path) -> x509.Certificate | None:
    if not path.exists() or path.stat().st_size > _MOST_BYTES:
        return None
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except ValueError:
        return None


def _serves(found: x509.Certificate, names: list[str]) -> bool:
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=_LEFT_DAYS)
    known = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return soon < found.not_valid_after_utc and set(known) >= {_general(name) for name in names}


def _make(names: list[str]) -> tuple[x509.Certificate, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    named = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Livebrush on this machine")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(named, named, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=_DAYS))
        .add_extension(x509.SubjectAlternativeName(map(_general, names)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return made, made.public_bytes(serialization.Encoding.PEM) + private


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
