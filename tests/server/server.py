#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""A web server for tests that does what it is told: right by default, hostile by rules that are data.

  server.py ROOT [--rules FILE] [--port-file F] [--log F] [--tls CERT KEY] [--lifetime S]

Serves a folder on 127.0.0.1 at a free port: HTTP/1.1, keep-alive, ETag, Range and If-Range. It ends with its parent, or
after --lifetime seconds. tests/server/README lists the rules.
"""

import argparse
import fnmatch
import gzip
import hashlib
import json
import os
import re
import select
import socket
import ssl
import struct
import sys
import threading
import time
import urllib.parse
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CHUNK = 65536
RULE_WORDS = {
    # which requests
    "path", "method", "range", "header", "first", "from", "nth",
    # what is answered
    "status", "headers", "body", "file", "redirect", "length", "length_delta", "flip", "endless", "ignore_range",
    "content_range", "gzip", "no_etag",
    # how it is sent
    "delay", "rate", "stall_after", "cut_after", "reset", "drop", "header_bytes", "header_rate", "close", "note",
}


class Rules:
    """JSON lines, the first that matches wins; read again whenever the file changes, counts beginning anew."""

    def __init__(self, path):
        self.path, self.stamp, self.rules, self.counts = path, None, [], []
        self.lock = threading.Lock()
        self.load()

    def load(self):
        if not self.path:
            return
        try:
            st = os.stat(self.path)
        except FileNotFoundError:
            return
        stamp = (st.st_ino, st.st_mtime_ns, st.st_size)
        if stamp == self.stamp:
            return
        with open(self.path, encoding="utf-8") as f:
            lines = [line for line in f if line.strip() and not line.startswith("#")]
        self.rules = [json.loads(line) for line in lines]
        for rule in self.rules:
            unknown = set(rule) - RULE_WORDS
            if unknown:
                raise ValueError(f"unknown words in a rule: {', '.join(sorted(unknown))}")
        self.counts = [0] * len(self.rules)
        self.stamp = stamp

    def match(self, method, path, has_range, headers):
        with self.lock:
            self.load()
            for i, rule in enumerate(self.rules):
                if not fnmatch.fnmatchcase(path, rule.get("path", "*")):
                    continue
                if rule.get("method", method) != method or rule.get("range", has_range) != has_range:
                    continue
                if "header" in rule and not any(fnmatch.fnmatchcase(f"{k}: {v}", rule["header"]) for k, v in headers.items()):
                    continue
                self.counts[i] += 1
                n = self.counts[i]
                if n > rule.get("first", n) or n < rule.get("from", n) or n != rule.get("nth", n):
                    continue
                return i + 1, rule
        return 0, {}


class Stop(Exception):
    """The connection is to end here, as a rule wants it."""


class Answer:
    """What will be sent: decided before a byte goes out."""

    def __init__(self, status, body=b"", headers=None):
        self.status, self.body, self.headers = status, body, dict(headers or {})


def parse_range(text, size):
    """(start, end) of a single range, None for what is not understood, False for one that cannot be met."""
    m = re.fullmatch(r"bytes=(\d*)-(\d*)", text.strip())
    if not m or m.group(0) == "bytes=-":
        return None
    if not m.group(1):
        start, end = max(0, size - int(m.group(2))), size
    else:
        start = int(m.group(1))
        end = min(size, int(m.group(2)) + 1) if m.group(2) else size
    return (start, end) if start < end else False


def relay(one, other):
    """Until either end closes."""
    to = {one: other, other: one}
    while True:
        for end in select.select([one, other], [], [])[0]:
            data = end.recv(CHUNK)
            if not data:
                return
            to[end].sendall(data)


class Body:
    """A file's or a text's bytes from start to end, changed as the rule says."""

    def __init__(self, source, start, end, flip):
        self.source, self.at, self.end, self.flip = source, start, end, flip

    def __len__(self):
        return self.end - self.at

    def read(self, most):
        most = min(most, len(self))
        if isinstance(self.source, bytes):
            data = bytearray(self.source[self.at:self.at + most])
        else:
            data = bytearray(os.pread(self.source, most, self.at))
        for offset in self.flip:
            if self.at <= offset < self.at + len(data):
                data[offset - self.at] ^= 0x01
        self.at += len(data)
        return bytes(data)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        self.serve()

    do_HEAD = do_PUT = do_POST = do_DELETE = do_GET

    def do_CONNECT(self):
        """A proxy's tunnel to another server on this machine, unless a rule has another status."""
        self.rule_number, self.rule = self.server.rules.match("CONNECT", self.path, False, self.headers)
        self.sent, self.logged, self.status, self.close_connection = 0, False, self.rule.get("status", 200), True
        self.note()
        if self.status != 200:
            self.wfile.write(f"HTTP/1.1 {self.status} No\r\nContent-Length: 0\r\n\r\n".encode())
            return
        with socket.create_connection(("127.0.0.1", int(self.path.rpartition(":")[2]))) as other:
            self.wfile.write(b"HTTP/1.1 200 Connected\r\n\r\n")
            relay(self.connection, other)

    def log_message(self, *_):
        pass

    def serve(self):
        self.path_only = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        self.rule_number, self.rule = self.server.rules.match(
            self.command, self.path_only, self.headers.get("Range") is not None, self.headers)
        self.sent, self.logged, self.status, self.fd = 0, False, 0, None
        try:
            self.take_body()
            time.sleep(self.rule.get("delay", 0))
            if self.rule.get("drop"):
                raise Stop
            self.send(self.answer())
        except (Stop, BrokenPipeError, ConnectionResetError, ssl.SSLError):
            self.close_connection = True
        finally:
            if self.fd is not None:
                os.close(self.fd)
            self.note()
            if self.close_connection:
                self.end_connection()

    def take_body(self):
        """What a PUT or POST carries; only counted."""
        left = int(self.headers.get("Content-Length") or 0)
        data = bytearray()
        while left > 0:
            part = self.rfile.read(min(left, CHUNK))
            if not part:
                raise Stop
            left -= len(part)
            data += part
        self.received = bytes(data)

    def answer(self):
        rule = self.rule
        if "redirect" in rule:
            return Answer(rule.get("status", 302), b"", {"Location": rule["redirect"], **rule.get("headers", {})})
        if "body" in rule or ("status" in rule and "file" not in rule and rule["status"] not in (200, 206)):
            body = rule.get("body", f"{rule.get('status', 200)}\n").encode()
            kind = "text/html" if body.lstrip().startswith(b"<") else "text/plain"
            return Answer(rule.get("status", 200), Body(body, 0, len(body), rule.get("flip", [])),
                          {"Content-Type": kind, **rule.get("headers", {})})
        return self.answer_file(rule.get("file"))

    def file_open(self, instead):
        path = os.path.normpath(os.path.join(self.server.root, instead or self.path_only.lstrip("/")))
        if path != self.server.root and not path.startswith(self.server.root + os.sep):
            return False
        if os.path.isdir(path):
            path = os.path.join(path, "index.html")
        try:
            self.fd = os.open(path, os.O_RDONLY)
        except OSError:
            return False
        return True

    def answer_file(self, instead):
        rule = self.rule
        if self.command in ("PUT", "POST", "DELETE"):
            return Answer(204 if self.command == "DELETE" else 201)
        if not self.file_open(instead):
            return Answer(404, Body(b"not found\n", 0, 10, []), {"Content-Type": "text/plain"})
        st = os.fstat(self.fd)
        etag = '"%s"' % hashlib.sha256(f"{st.st_ino} {st.st_size} {st.st_mtime_ns}".encode()).hexdigest()[:16]
        headers = {"Content-Type": "application/octet-stream", "Accept-Ranges": "bytes",
                   "Last-Modified": formatdate(st.st_mtime, usegmt=True)}
        if not rule.get("no_etag"):
            headers["ETag"] = etag
        if self.headers.get("If-None-Match") == etag:
            return Answer(304, b"", headers)
        if rule.get("gzip"):
            data = gzip.compress(os.pread(self.fd, st.st_size, 0), mtime=0)
            headers["Content-Encoding"] = "gzip"
            return self.answer_with(200, Body(data, 0, len(data), rule.get("flip", [])), headers)
        return self.answer_range(st.st_size, etag, headers)

    def answer_range(self, size, etag, headers):
        rule, wanted = self.rule, None
        text, condition = self.headers.get("Range"), self.headers.get("If-Range")
        if text and not rule.get("ignore_range") and condition in (None, etag, headers["Last-Modified"]):
            wanted = parse_range(text, size)
        if wanted is False:
            return Answer(416, b"", {**headers, "Content-Range": f"bytes */{size}"})
        start, end = wanted or (0, size)
        if wanted:
            headers["Content-Range"] = rule.get("content_range", f"bytes {start}-{end - 1}/{size}")
        return self.answer_with(206 if wanted else 200, Body(self.fd, start, end, rule.get("flip", [])), headers)

    def answer_with(self, status, body, headers):
        headers.update(self.rule.get("headers", {}))
        return Answer(self.rule.get("status", status), body, headers)

    def header_lines(self, answer):
        reason = self.responses.get(answer.status, ("Whatever",))[0]
        length = self.rule.get("length", len(answer.body) + self.rule.get("length_delta", 0))
        headers = {"Date": formatdate(usegmt=True), **answer.headers}
        if self.rule.get("endless") and "length" not in self.rule:
            self.close_connection = True # no length: the body ends with the connection, that is, never
        elif answer.status not in (204, 304):
            headers["Content-Length"] = str(length)
        if self.rule.get("close") or self.close_connection:
            self.close_connection = True
            headers["Connection"] = "close"
        for i in range(0, self.rule.get("header_bytes", 0), 4000):
            headers[f"X-Filler-{i}"] = "x" * 4000
        lines = [f"HTTP/1.1 {answer.status} {reason}"] + [f"{k}: {v}" for k, v in headers.items() if v is not None]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def send(self, answer):
        self.status = answer.status
        head = self.header_lines(answer)
        body = answer.body if self.command != "HEAD" else b""
        if len(body) == 0 and not self.rule.get("endless"):
            self.note() # before the last byte: who reads the log afterwards finds it there
        if "header_rate" in self.rule:
            self.slowly(head, self.rule["header_rate"])
        else:
            self.wfile.write(head)
        if self.command != "HEAD":
            self.send_body(body)
        if self.rule.get("length_delta", 0) > 0 or "length" in self.rule:
            self.close_connection = True # more was promised than came

    def slowly(self, data, rate):
        for i in range(len(data)):
            self.wfile.write(data[i:i + 1])
            time.sleep(1 / rate)

    def send_body(self, body):
        rule = self.rule
        rate, most = rule.get("rate"), CHUNK
        if rate:
            most = max(1, int(rate / 20))
        stops = [rule[k] for k in ("stall_after", "cut_after") if k in rule]
        while len(body) > 0 or rule.get("endless"):
            room = min([most] + [stop - self.sent for stop in stops])
            if room <= 0:
                self.stall_or_cut()
            data = body.read(room) if len(body) > 0 else b"\0" * room
            if not data:
                raise Stop # the file became shorter
            if len(body) == 0 and not rule.get("endless"):
                self.note(len(data))
            self.wfile.write(data)
            self.sent += len(data)
            if rate:
                time.sleep(len(data) / rate)
        if stops:
            self.stall_or_cut()

    def stall_or_cut(self):
        self.note()
        if "stall_after" in self.rule:
            self.wfile.flush()
            while not self.gone():
                time.sleep(0.1)
        raise Stop

    def gone(self):
        """Has the client hung up?"""
        try:
            self.connection.settimeout(0.01)
            return self.connection.recv(1) == b""
        except (socket.timeout, ssl.SSLWantReadError):
            return False
        except OSError:
            return True

    def end_connection(self):
        if self.rule.get("reset"):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def note(self, coming=0):
        """One line in the access log for each request."""
        if self.logged:
            return
        self.logged = True
        self.server.log_line({
            "time": round(time.time(), 3), "connection": self.client_address[1], "method": self.command,
            "path": self.path, "range": self.headers.get("Range"), "if_range": self.headers.get("If-Range"),
            "status": self.status, "bytes": self.sent + coming, "rule": self.rule_number,
            "received": len(getattr(self, "received", b"")),
        })


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, args):
        self.root = os.path.realpath(args.root)
        self.rules = Rules(args.rules)
        self.log_fd = os.open(args.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644) if args.log else -1
        self.tls = None
        if args.tls:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(*args.tls)
        super().__init__(("127.0.0.1", 0), Handler)

    def finish_request(self, request, client_address):
        """In the connection's own thread, so a client that never shakes hands holds up nobody."""
        if self.tls:
            try:
                request = self.tls.wrap_socket(request, server_side=True)
            except OSError:
                return
        super().finish_request(request, client_address)
        if self.tls:
            request.close()

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def log_line(self, entry):
        if self.log_fd >= 0:
            os.write(self.log_fd, (json.dumps(entry) + "\n").encode())


def watch(parent, lifetime):
    end = time.monotonic() + lifetime
    while os.getppid() == parent and time.monotonic() < end:
        time.sleep(0.2)
    os._exit(0)


def write_whole(path, text):
    with open(path + ".tmp", "w", encoding="utf-8") as f:
        f.write(text)
    os.rename(path + ".tmp", path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root")
    parser.add_argument("--rules")
    parser.add_argument("--port-file")
    parser.add_argument("--log")
    parser.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"))
    parser.add_argument("--lifetime", type=float, default=600)
    args = parser.parse_args()
    parent = os.getppid()
    server = Server(args)
    threading.Thread(target=watch, args=(parent, args.lifetime), daemon=True).start()
    if args.port_file:
        write_whole(args.port_file, f"{server.server_address[1]}\n")
    else:
        print(server.server_address[1], flush=True)
    server.serve_forever(poll_interval=0.1)


if __name__ == "__main__":
    main()
