#!/usr/bin/env python3
"""Somebody in the middle of a MySQL connection who takes TLS out of the server's greeting.

    strip_tls.py DIR PORT      listens on a free port of 127.0.0.1, written to DIR/port when it does, before the server at PORT

Where DIR/strip exists, new connections are told that the server has no TLS; others are handed on as they are.  DIR/log gets one line for each
connection that was told so: how many bytes its client has sent after it.
"""
import os
import socket
import sys
import threading

TLS = 0x800  # of the lower 16 capability flags


def packet(peer):
    data = b""
    while len(data) < 4 or len(data) < 4 + int.from_bytes(data[:3], "little"):
        more = peer.recv(65536)
        if not more:
            return b""
        data += more
    return data


def without_tls(greeting):
    # head of 4, version of the protocol, the server's up to a zero, connection 4, scramble 8, a zero, flags
    at = greeting.index(b"\0", 5) + 1 + 4 + 8 + 1
    flags = int.from_bytes(greeting[at:at + 2], "little") & ~TLS
    return greeting[:at] + flags.to_bytes(2, "little") + greeting[at + 2:]


def hand_on(source, to, count):
    try:
        while data := source.recv(65536):
            count[0] += len(data)
            to.sendall(data)
    except OSError:
        pass
    for one in (source, to):
        try:
            one.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def serve(client, folder, port):
    sent, answered = [0], [0]
    strip = os.path.exists(os.path.join(folder, "strip"))
    with client, socket.create_connection(("127.0.0.1", port)) as server:
        greeting = packet(server)
        if greeting:
            client.sendall(without_tls(greeting) if strip else greeting)
        up = threading.Thread(target=hand_on, args=(client, server, sent))
        up.start()
        hand_on(server, client, answered)
        up.join()
    if strip:
        with open(os.path.join(folder, "log"), "a", encoding="utf-8") as log:
            log.write("%d\n" % sent[0])


def main(folder, port):
    listener = socket.create_server(("127.0.0.1", 0))
    name = os.path.join(folder, "port")
    with open(name + ".new", "w", encoding="utf-8") as file:
        file.write("%d\n" % listener.getsockname()[1])
    os.rename(name + ".new", name)
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client, folder, port), daemon=True).start()


if len(sys.argv) != 3:
    sys.exit("usage: strip_tls.py DIR PORT")
main(sys.argv[1], int(sys.argv[2]))
