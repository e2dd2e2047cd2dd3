"""Presidio's cipher: AES in CBC mode with PKCS7 padding, and a random first block.

Nothing seals a ciphertext: that it was changed, or that the key is another one, shows only where padding or UTF-8 of
what comes out are broken.
"""

from __future__ import annotations

import base64
import secrets

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

KEY_BYTES = (16, 24, 32)
_BLOCK = 16
_PADDING = PKCS7(8 * _BLOCK)
_STANDARD = str.maketrans("-_", "+/")


class CipherError(ValueError):
    """A text that the key does not decrypt; says nothing of either."""


def encrypt(value: str, key: str) -> str:
    """URL-safe base64 of a random block and the ciphertext; another one each time.

    Args:
        value: what to encrypt.
        key: of 16, 24 or 32 bytes as UTF-8.
    """
    first = secrets.token_bytes(_BLOCK)
    padder, encryptor = _PADDING.padder(), _aes(key, first).encryptor()
    padded = padder.update(value.encode()) + padder.finalize()
    return base64.urlsafe_b64encode(first + encryptor.update(padded) + encryptor.finalize()).decode()


def decrypt(value: str, key: str) -> str:
    """The text that was encrypted; takes both alphabets of base64, as Presidio does.

    Raises:
        CipherError: no base64, no whole blocks, or what comes out has a broken padding or is no UTF-8.
    """
    try:
        whole = base64.b64decode(value.translate(_STANDARD), validate=True)
        decryptor, unpadder = _aes(key, whole[:_BLOCK]).decryptor(), _PADDING.unpadder()
        padded = decryptor.update(whole[_BLOCK:]) + decryptor.finalize()
        return (unpadder.update(padded) + unpadder.finalize()).decode()
    except ValueError:  # its message, and the bytes that UnicodeDecodeError carries, go no further
        pass
    raise CipherError("cannot be decrypted")


def _aes(key: str, first: bytes) -> Cipher[modes.CBC]:
    return Cipher(algorithms.AES(key.encode()), modes.CBC(first))
