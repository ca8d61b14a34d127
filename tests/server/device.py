#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""A device on a plant's network, for tests of deliveries: it takes firmware over HTTP, restarts, and says what it runs.

  device.py FOLDER TOKEN [--tls CERT KEY]

PUT /firmware with "Authorization: Bearer TOKEN" takes firmware, whose first line is "firmware NAME VERSION"; GET /version
says what runs, status 503 while it restarts; POST /restart restarts. In FOLDER it keeps firmware.bin, version, log (a
line for each request) and port (where it listens). The file "mode" in it says how it behaves from now on:

  good      as a device should (also without the file)
  500       answers 500 to firmware, and takes nothing
  slow      reads firmware, then says nothing for a minute
  lies      answers 200 to firmware, and takes nothing
  cut       closes the line in the middle of the firmware
  redirect  answers 307 to firmware, to another place
  echo      answers 400 to firmware, and says what it was sent, the token too
  echo-late does so at length, and tells the token at the end of the first 8 KiB

It ends with its parent, or after five minutes.
"""

import argparse
import http.server
import os
import ssl
import sys
import threading
import time

RESTART_SECONDS = 0.3


class Device(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    folder = token = ""
    away_until = 0.0

    def log_message(self, *args):
        pass

    def path_of(self, name):
        return os.path.join(self.folder, name)

    def mode(self):
        try:
            with open(self.path_of("mode"), encoding="ascii") as f:
                return f.read().strip()
        except FileNotFoundError:
            return "good"

    def version(self):
        with open(self.path_of("version"), encoding="ascii") as f:
            return f.read().strip()

    def note(self, length):
        known = self.headers.get("Authorization") == "Bearer " + self.token
        with open(self.path_of("log"), "a", encoding="ascii") as f:
            f.write(f"{self.command} {self.path} {length} {'known' if known else 'unknown'}\n")
        return known

    def answer(self, status, text, **headers):
        body = (text + "\n").encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def restart(self):
        Device.away_until = time.monotonic() + RESTART_SECONDS

    def do_GET(self):
        self.note(0)
        if time.monotonic() < Device.away_until:
            self.answer(503, "restarting")
        else:
            self.answer(200, "running " + self.version())

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self.note(len(body)):
            self.answer(401, "who are you")
            return
        self.restart()
        self.answer(202, "restarting")

    def do_PUT(self):
        length, mode = int(self.headers["Content-Length"]), self.mode()
        if mode == "cut":
            self.rfile.read(length // 2)
            self.note(length // 2)
            self.close_connection = True
            return
        body = self.rfile.read(length)
        known = self.note(len(body))
        if not known:
            self.answer(401, "who are you")
        elif mode == "500":
            self.answer(500, "flash is worn out")
        elif mode == "redirect":
            self.answer(307, "elsewhere", Location="http://127.0.0.1:1/firmware")
        elif mode == "echo":
            self.answer(400, "you sent " + self.headers["Authorization"])
        elif mode == "echo-late":
            self.answer(400, self.headers["Authorization"].rjust(8192 + len(self.token) - 4, "."))
        elif mode == "lies":
            self.answer(200, "thanks")
        else:
            self.take(body)
            if mode == "slow":
                time.sleep(60)
            self.answer(200, "thanks")

    def take(self, body):
        words = body.split(b"\n", 1)[0].decode("ascii").split()
        with open(self.path_of("firmware.bin"), "wb") as f:
            f.write(body)
        with open(self.path_of("version"), "w", encoding="ascii") as f:
            f.write(words[2])
        self.restart()


def watch(parent):
    end = time.monotonic() + 300
    while os.getppid() == parent and time.monotonic() < end:
        time.sleep(0.2)
    os._exit(0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("token")
    parser.add_argument("--tls", nargs=2)
    args = parser.parse_args()
    Device.folder, Device.token = args.folder, args.token
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Device)
    server.daemon_threads = True
    if args.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*args.tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=watch, args=(os.getppid(),), daemon=True).start()
    with open(os.path.join(args.folder, "port.new"), "w", encoding="ascii") as f:
        f.write(str(server.server_address[1]))
    os.rename(os.path.join(args.folder, "port.new"), os.path.join(args.folder, "port"))
    server.serve_forever()


if __name__ == "__main__":
    sys.exit(main())
