#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Made the repository beside it, whose roles are signed by keys of every kind: make.py FOLDER. Needs the package "cryptography".

It is kept because the simulator of tests/server signs with Ed25519 only. The secret keys are gone; nothing ever expires.
"""

import hashlib
import json
import os
import sys

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

PEM = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
POINT = (serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def canonical(value):
    if isinstance(value, dict):
        return "{" + ",".join(canonical(key) + ":" + canonical(value[key]) for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


class Key:
    def __init__(self, name, keytype, scheme, secret, form, sign):
        text = secret.public_key().public_bytes(*form)
        self.name, self.sign = name, sign
        public = text.decode() if form is PEM else text.hex()
        self.key = {"keytype": keytype, "scheme": scheme, "keyval": {"public": public}}


def ecdsa(name, curve, digest, scheme, keytype="ecdsa", form=PEM):
    secret = ec.generate_private_key(curve)
    return Key(name, keytype, scheme, secret, form, lambda data: secret.sign(data, ec.ECDSA(digest)))


def pss(name):
    secret = rsa.generate_private_key(65537, 2048)
    mask = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    return Key(name, "rsa", "rsassa-pss-sha256", secret, PEM, lambda data: secret.sign(data, mask, hashes.SHA256()))


P256 = ecdsa("p256", ec.SECP256R1(), hashes.SHA256(), "ecdsa-sha2-nistp256")
P256_OLD = ecdsa("p256-old", ec.SECP256R1(), hashes.SHA256(), "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", POINT)
P384 = ecdsa("p384", ec.SECP384R1(), hashes.SHA384(), "ecdsa-sha2-nistp384")
P384_POINT = ecdsa("p384-point", ec.SECP384R1(), hashes.SHA384(), "ecdsa-sha2-nistp384", form=POINT)
RSA = pss("rsa")


def role(*keys):
    return {"keyids": [key.name for key in keys], "threshold": len(keys)}


def listed(*keys):
    return {key.name: key.key for key in keys}


def body(kind, **more):
    return {"_type": kind, "spec_version": "1.0.34", "version": 1, "expires": "9999-12-31T23:59:59Z", **more}


def write(folder, name, signed, *keys):
    data = canonical(signed).encode()
    signatures = [{"keyid": key.name, "sig": key.sign(data).hex()} for key in keys]
    os.makedirs(os.path.join(folder, "metadata"), exist_ok=True)
    with open(os.path.join(folder, "metadata", name), "w", encoding="utf-8") as f:
        json.dump({"signatures": signatures, "signed": signed}, f, indent=1)
        f.write("\n")


def target(folder, path):
    content = f"content of {path}\n".encode()
    sha256 = hashlib.sha256(content).hexdigest()
    place = os.path.join(folder, "targets", os.path.dirname(path))
    os.makedirs(place, exist_ok=True)
    with open(os.path.join(place, f"{sha256}.{os.path.basename(path)}"), "wb") as f:
        f.write(content)
    return {path: {"length": len(content), "hashes": {"sha256": sha256}}}


def main():
    folder = sys.argv[1]
    root_keys = (P256, P384, RSA)
    roles = {"root": role(*root_keys), "timestamp": role(P384_POINT), "snapshot": role(RSA), "targets": role(P256_OLD)}
    keys = listed(P256, P256_OLD, P384, P384_POINT, RSA)
    for version in (1, 2):
        root = body("root", consistent_snapshot=True, keys=keys, roles=roles)
        write(folder, f"{version}.root.json", {**root, "version": version}, *root_keys)
    write(folder, "timestamp.json", body("timestamp", meta={"snapshot.json": {"version": 1}}), P384_POINT)
    meta = {"targets.json": {"version": 1}, "a.json": {"version": 1}}
    write(folder, "1.snapshot.json", body("snapshot", meta=meta), RSA)
    delegated = {"name": "a", "paths": ["a/*"], "terminating": True, **role(RSA, P256)}
    delegations = {"keys": listed(RSA, P256), "roles": [delegated]}
    write(folder, "1.targets.json", body("targets", targets=target(folder, "top.txt"), delegations=delegations), P256_OLD)
    write(folder, "1.a.json", body("targets", targets=target(folder, "a/x.txt")), RSA, P256)


main()
