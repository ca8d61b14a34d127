#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""A TUF repository that does what a test says, right or hostile. Files only; tests/server/server.py serves them.

  tufsim.py SIGNER FOLDER <STATEMENTS

Statements are Python; `r` is the repository, kept in FOLDER.sim between runs. Bodies ("signed") are plain dictionaries, so a test can
break any rule by an assignment; nothing is written until publish(), put() or raw(). Keys are names; see tests/server/README.
"""

import hashlib
import json
import os
import subprocess
import sys
import time
import urllib.parse

DAY = 86400
TOP = ("root", "timestamp", "snapshot", "targets")


class Signer:
    def __init__(self, program):
        self.child = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, question):
        self.child.stdin.write(json.dumps(question) + "\n")
        self.child.stdin.flush()
        answer = self.child.stdout.readline()
        if not answer:
            sys.exit("the signer gave no answer")
        return json.loads(answer)


def when(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


class Repo:
    def __init__(self, signer, folder):
        self.signer, self.folder = signer, folder
        self.roles, self.signers = {}, {}
        self.hashes = True  # snapshot and timestamp state lengths and hashes
        for sub in ("metadata", "targets"):
            os.makedirs(os.path.join(folder, sub), exist_ok=True)
        try:
            with open(folder + ".sim", encoding="utf-8") as f:
                self.__dict__.update(json.load(f))
        except FileNotFoundError:
            self.begin()

    def save(self):
        with open(self.folder + ".sim", "w", encoding="utf-8") as f:
            json.dump({"roles": self.roles, "signers": self.signers, "hashes": self.hashes}, f)

    def body(self, kind, **more):
        return {"_type": kind, "spec_version": "1.0.34", "version": 1, "expires": when(30 * DAY), **more}

    def begin(self):
        self.roles["root"] = self.body("root", consistent_snapshot=True, keys={}, roles={})
        for role in TOP:
            self.root["roles"][role] = {"keyids": [], "threshold": 1}
            self.top_keys(role, role)
        self.roles["timestamp"] = self.body("timestamp", meta={})
        self.roles["snapshot"] = self.body("snapshot", meta={})
        self.roles["targets"] = self.body("targets", targets={})
        self.put("root")
        self.write(["targets"])

    root = property(lambda self: self.roles["root"])
    timestamp = property(lambda self: self.roles["timestamp"])
    snapshot = property(lambda self: self.roles["snapshot"])
    targets = property(lambda self: self.roles["targets"])

    def __getitem__(self, role):
        return self.roles[role]

    # --- keys

    def key(self, name):
        """keyid and key object"""
        answer = self.signer.ask({"key": name})
        return answer["keyid"], answer["key"]

    def let_sign(self, keys, role, names):
        role["keyids"] = []
        for name in names:
            keyid, key = self.key(name)
            keys[keyid] = key
            role["keyids"].append(keyid)

    def top_keys(self, role, *names, threshold=1):
        """These keys, and no others, sign for a top-level role from now on: in the root's body and in fact."""
        self.let_sign(self.root["keys"], self.root["roles"][role], names)
        self.root["roles"][role]["threshold"] = threshold
        self.signers[role] = list(names)

    # --- delegations and targets

    def delegate(self, delegator, name, paths=("*",), keys=None, threshold=1, terminating=False, **more):
        delegations = self.roles[delegator].setdefault("delegations", {"keys": {}, "roles": []})
        role = {"name": name, "threshold": threshold, "terminating": terminating, **more}
        if "path_hash_prefixes" not in more:
            role["paths"] = list(paths)
        self.let_sign(delegations["keys"], role, keys or [name])
        delegations["roles"].append(role)
        if name not in self.roles:
            self.roles[name] = self.body("targets", targets={})
            self.signers[name] = list(keys or [name])

    def bins(self, delegator, bits, prefix):
        bins = {"threshold": 1, "bit_length": bits, "name_prefix": prefix}
        self.roles[delegator]["delegations"] = {"keys": {}, "succinct_roles": bins}
        self.let_sign(self.roles[delegator]["delegations"]["keys"], bins, [prefix])
        for i in range(1 << bits):
            name = f"{prefix}-{i:0{(bits + 3) // 4}x}"
            self.roles[name] = self.body("targets", targets={})
            self.signers[name] = [prefix]

    def file(self, role, path, content=None, algorithms=("sha256",)):
        """States a target in a role and puts it where clients look for it."""
        content = (content if content is not None else "content of " + path).encode()
        hashes = {name: hashlib.new(name, content).hexdigest() for name in algorithms}
        self.roles[role]["targets"][path] = {"length": len(content), "hashes": hashes}
        folder, _, name = path.rpartition("/")
        names = [f"{h}.{name}" for h in hashes.values()] if self.root["consistent_snapshot"] else [name]
        for one in names:
            place = os.path.normpath(os.path.join(self.folder, "targets", folder.lstrip("/"), one))
            if place.startswith(self.folder):
                os.makedirs(os.path.dirname(place), exist_ok=True)
                with open(place, "wb") as f:
                    f.write(content)

    # --- writing

    def name(self, role, version=None):
        version = version or self.roles[role]["version"]
        plain = urllib.parse.quote(role, "") + ".json"
        if role == "root" or (self.root["consistent_snapshot"] and role != "timestamp"):
            return f"{version}.{plain}"
        return plain

    def raw(self, name, data):
        """A file of metadata by the name that is asked for, whatever it holds. The server undoes percent-encoding."""
        place = os.path.normpath(os.path.join(self.folder, "metadata", urllib.parse.unquote(name)))
        if not place.startswith(self.folder):
            sys.exit(f"{name} would leave the folder")
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "wb") as f:
            f.write(data if isinstance(data, bytes) else data.encode())

    def read(self, name):
        with open(os.path.join(self.folder, "metadata", urllib.parse.unquote(name)), "rb") as f:
            return f.read()

    def sign(self, role, *names):
        return self.signer.ask({"signed": self.roles[role], "keys": list(names or self.signers[role])})

    def put(self, role, name=None, signers=()):
        """Signs a role as its body is now and writes it."""
        self.raw(name or self.name(role), json.dumps(self.sign(role, *signers), indent=1))

    def edit(self, role, change):
        """Changes the written envelope by change(envelope), its signatures as they were."""
        doc = json.loads(self.read(self.name(role)))
        change(doc)
        self.raw(self.name(role), json.dumps(doc, indent=1))

    def entry(self, role):
        entry = {"version": self.roles[role]["version"]}
        if self.hashes:
            data = self.read(self.name(role))
            entry.update(length=len(data), hashes={"sha256": hashlib.sha256(data).hexdigest()})
        return entry

    def write(self, roles):
        for role in roles:
            self.put(role)
            self.snapshot["meta"][role + ".json"] = self.entry(role)
        self.put("snapshot")
        self.stamp()

    def stamp(self):
        """The timestamp, as the snapshot is written now."""
        self.timestamp["meta"] = {"snapshot.json": self.entry("snapshot")}
        self.put("timestamp")

    def publish(self, *roles):
        """New versions of these roles (new ones begin with 1), of snapshot and of timestamp."""
        for role in roles:
            if role + ".json" in self.snapshot["meta"]:
                self.roles[role]["version"] += 1
        self.snapshot["version"] += 1
        self.timestamp["version"] += 1
        self.write(roles)

    def new_root(self, *signers):
        """The next root, signed by the keys of the one before and its own unless signers are given."""
        self.root["version"] += 1
        self.put("root", signers=signers or sorted({*self.old_signers(), *self.signers["root"]}))

    def old_signers(self):
        before = json.loads(self.read(f"{self.root['version'] - 1}.root.json"))
        ids = before["signed"]["roles"]["root"]["keyids"]
        return [name for name in ("root", "root-2", "root-3", "root-4") if self.key(name)[0] in ids]


def main():
    signer, folder = sys.argv[1], os.path.abspath(sys.argv[2])
    r = Repo(Signer(signer), folder)
    exec(compile(sys.stdin.read(), "statements", "exec"), {"r": r, "when": when, "DAY": DAY, "json": json, "hashlib": hashlib})
    r.save()


main()
