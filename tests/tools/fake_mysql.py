#!/usr/bin/env python3
"""A server that speaks just enough of the MySQL protocol to fail in ways that a real one cannot be made to.

    fake_mysql.py DIR [CERTIFICATE KEY]

Listens on a free port of 127.0.0.1, written to DIR/port when it does.  Any login is good.  It knows one table, `errors`, with the
columns that sql_errors.h configures, stores nothing and answers everything with OK, except at the point that DIR/control names:

    mariadb | mysql                       first line: with array binding, or without (asked at the greeting)
    POINT error CODE SQLSTATE TEXT...     the error packet, whatever the number
    POINT close                           the connection is cut
    POINT warning                         OK, with a warning
    POINT silent                          no answer ever
    POINT garbage                         a packet that means nothing
    POINT plain                           of a connection with TLS (offered when there is a certificate): bytes that are not TLS
    POINT plugin NAME [DATA]              at the login: asks for another authentication plugin, with DATA for it
    (nothing)                             all goes well

POINT: greeting, login, prepare, execute, or the first word of a statement: set, select, kill, commit, rollback.  DIR/control is read
again at every point, so that a test replaces it (by rename) between two calls.  DIR/log gets one line for each point passed:
"CONNECTION POINT ANSWER" and, of statements that are not SELECT, the text.
"""
import os
import socket
import ssl
import struct
import sys
import threading

LONG_PASSWORD, WITH_DB, PROTOCOL_41, TLS, TRANSACTIONS, SECURE, PLUGIN_AUTH = 1, 8, 0x200, 0x800, 0x2000, 0x8000, 0x80000
BULK = 1 << 2  # of MariaDB's further 32 flags
AUTOCOMMIT = 2
TEXT_TYPE = 253

# As information_schema would describe it: what read_columns() of sql_table.c asks for.
COLUMNS = [
    ["id", "binary", "binary(20)", "20", "20", None, None, None, "NO", None, None, None, ""],
    ["s", "varchar", "varchar(40)", "40", "160", None, None, None, "YES", "NULL", "utf8mb4", "utf8mb4_nopad_bin", ""],
    ["u", "bigint", "bigint(20) unsigned", None, None, "20", "0", None, "YES", "NULL", None, None, ""],
    ["n", "bigint", "bigint(20)", None, None, "19", "0", None, "YES", "NULL", None, None, ""],
]


class Gone(Exception):
    """The client has closed the connection, or it was cut here."""


def text_of(value):
    return b"\xfb" if value is None else bytes([len(value)]) + value.encode()


class Connection(threading.Thread):
    def __init__(self, server, peer, number):
        super().__init__(daemon=True)
        self.server, self.peer, self.bare, self.number, self.sequence, self.mariadb = server, peer, peer, number, 0, True

    # ---- packets ----

    def read(self, count):
        data = b""
        while len(data) < count:
            more = self.peer.recv(count - len(data))
            if not more:
                raise Gone
            data += more
        return data

    def receive(self):
        data = b""
        while True:
            head = self.read(4)
            length = int.from_bytes(head[:3], "little")
            self.sequence = (head[3] + 1) & 255
            data += self.read(length)
            if length < 0xFFFFFF:
                return data

    def send(self, payload):
        self.peer.sendall(len(payload).to_bytes(3, "little") + bytes([self.sequence]) + payload)
        self.sequence = (self.sequence + 1) & 255

    def ok(self, affected=0, warnings=0):
        self.send(b"\x00" + b"\xfd" + affected.to_bytes(3, "little") + b"\x00" + struct.pack("<HH", AUTOCOMMIT, warnings))

    def end(self):
        self.send(b"\xfe" + struct.pack("<HH", 0, AUTOCOMMIT))

    def error(self, code, state, text):
        self.send(b"\xff" + struct.pack("<H", code) + b"#" + state.encode() + text.encode())

    def definition(self, name):
        parts = b"".join(text_of(part) for part in ("def", "", "", "", name, name))
        self.send(parts + b"\x0c" + struct.pack("<HIBHB", 45, 1024, TEXT_TYPE, 0, 0) + b"\x00\x00")

    def rows(self, rows, width):
        self.send(bytes([width]))
        for column in range(width):
            self.definition("c%d" % column)
        self.end()
        for row in rows:
            self.send(b"".join(text_of(value) for value in row))
        self.end()

    # ---- the script ----

    def passes(self, point, statement=""):
        """True: answer as if all were well.  False: it is answered already."""
        dialect, rule = self.server.control()
        self.mariadb = dialect != "mysql" if point == "greeting" else self.mariadb
        action = rule[1] if rule and rule[0] == point else "ok"
        self.server.note("%d %s %s %s" % (self.number, point, action, statement))
        if action == "ok":
            return True
        if action == "error":
            code, state, text = rule[2].split(" ", 2)
            self.error(int(code), state, text)
        elif action == "warning":
            self.ok(1, 1)
        elif action == "garbage":
            self.send(b"\xfc\x00")
        elif action == "plain":
            self.bare.sendall(b"this is no record of TLS")
        elif action == "silent":
            while True:  # until the client gives up
                self.read(1)
        elif action == "plugin":
            name, data = (rule[2] + " " + "s" * 20).split(" ")[:2]
            self.send(b"\xfe" + name.encode() + b"\x00" + data.encode() + b"\x00")
            self.receive()
            self.error(1045, "28000", "Access denied")
        else:
            raise Gone
        return False

    def greet(self):
        if not self.passes("greeting"):
            raise Gone
        flags = PROTOCOL_41 | TRANSACTIONS | SECURE | PLUGIN_AUTH | WITH_DB | (0 if self.mariadb else LONG_PASSWORD) | (
            TLS if self.server.tls else 0)
        version = b"10.11.0-MariaDB-fake" if self.mariadb else b"8.0.0-fake"
        self.send(
            b"\x0a" + version + b"\x00" + struct.pack("<I", self.number) + b"s" * 8 + b"\x00"
            + struct.pack("<HBHHB", flags & 0xFFFF, 45, AUTOCOMMIT, flags >> 16, 21) + b"\x00" * 6
            + struct.pack("<I", BULK if self.mariadb else 0) + b"s" * 12 + b"\x00mysql_native_password\x00")
        if len(self.receive()) == 32:  # no name yet: TLS first
            self.bare = self.peer.dup()
            self.peer = self.server.tls.wrap_socket(self.peer, server_side=True)
            self.receive()
        if not self.passes("login"):
            raise Gone
        self.ok()

    def query(self, text):
        word = text.split(None, 1)[0].lower()
        if not self.passes(word, "" if word == "select" else text):
            return
        if "max_allowed_packet" in text:
            self.rows([["16777216"]], 1)
        elif "information_schema.COLUMNS" in text:
            self.rows(COLUMNS, len(COLUMNS[0]))
        elif "information_schema.STATISTICS" in text:
            self.rows([["PRIMARY", "0", "id", None]], 4)
        elif "information_schema.TABLES" in text:
            self.rows([["InnoDB"]], 1)
        else:
            self.ok()

    def prepare(self, text):
        if not self.passes("prepare"):
            return
        count = text.count("?")
        self.server.statements += 1
        self.send(b"\x00" + struct.pack("<IHHBH", self.server.statements, 0, count, 0, 0))
        for _ in range(count):
            self.definition("?")
        if count:
            self.end()

    def serve(self):
        self.greet()
        while True:
            packet = self.receive()
            command, body = packet[0], packet[1:]
            if command == 0x01:
                self.server.note("%d quit ok " % self.number)
                raise Gone
            if command == 0x03:
                self.query(body.decode(errors="replace"))
            elif command == 0x16:
                self.prepare(body.decode(errors="replace"))
            elif command in (0x17, 0xFA):
                if self.passes("execute"):
                    self.ok(0xFFFFFF)  # as many rows as anybody may have sent
            elif command == 0x19:
                pass  # a statement is closed: no answer
            else:
                self.ok()

    def run(self):
        try:
            self.serve()
        except (Gone, OSError):
            pass
        finally:
            self.peer.close()
            self.bare.close()


class Server:
    def __init__(self, folder, certificate=None, key=None):
        self.folder, self.statements, self.lock, self.tls = folder, 0, threading.Lock(), None
        if certificate:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(certificate, key)
        self.log = open(os.path.join(folder, "log"), "a", encoding="utf-8")

    def note(self, line):
        with self.lock:
            self.log.write(line + "\n")
            self.log.flush()

    def control(self):
        with open(os.path.join(self.folder, "control"), encoding="utf-8") as file:
            lines = file.read().splitlines()
        return lines[0], lines[1].split(" ", 2) if len(lines) > 1 and lines[1] else None

    def run(self):
        listener = socket.create_server(("127.0.0.1", 0))
        port = os.path.join(self.folder, "port")
        with open(port + ".new", "w", encoding="utf-8") as file:
            file.write("%d\n" % listener.getsockname()[1])
        os.rename(port + ".new", port)
        number = 0
        while True:
            peer, _ = listener.accept()
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            number += 1
            Connection(self, peer, number).start()


if len(sys.argv) not in (2, 4):
    sys.exit("usage: fake_mysql.py DIR [CERTIFICATE KEY]")
Server(*sys.argv[1:]).run()
