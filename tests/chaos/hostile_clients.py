#!/usr/bin/env python3
"""Clients that an HTTP server would rather not have.

usage: hostile_clients.py HOST:PORT SECONDS KIND=NUMBER...

Each client connects, misbehaves in its way, and comes back as soon as its connection has ended, until the time is over:

  drip      a header, a byte each 300 ms            silent    connects and says nothing
  deaf      asks for pages and reads none of them   halfclose half a request, and no more to come
  huge      a header of 1 MiB                       pipeline  1,000 requests at once
  garbage   random bytes                            flood     a request, and closes without reading

Prints a line for each kind: how many connections it had, and how long the longest of them lasted.
"""
import asyncio
import os
import random
import socket
import sys
import time

REQUEST = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"


async def drip(loop, sock):
    await loop.sock_sendall(sock, b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Slow: ")
    while True:
        await asyncio.sleep(0.3)
        await loop.sock_sendall(sock, b"a")


async def silent(loop, sock):
    await loop.sock_recv(sock, 1)


async def deaf(loop, sock):
    await loop.sock_sendall(sock, REQUEST * 50)
    while True:  # until the server has had enough: then this fails
        await asyncio.sleep(0.3)
        await loop.sock_sendall(sock, b"\r\n")


async def halfclose(loop, sock):
    await loop.sock_sendall(sock, b"GET /metr")
    sock.shutdown(socket.SHUT_WR)
    await loop.sock_recv(sock, 1)


async def huge(loop, sock):
    await loop.sock_sendall(sock, b"GET /metrics HTTP/1.1\r\nX-Huge: " + b"a" * (1 << 20) + b"\r\n\r\n")
    await loop.sock_recv(sock, 1)


async def pipeline(loop, sock):
    await loop.sock_sendall(sock, REQUEST * 1000)
    while await loop.sock_recv(sock, 65536):
        pass


async def garbage(loop, sock):
    await loop.sock_sendall(sock, os.urandom(4096))
    while await loop.sock_recv(sock, 65536):
        pass


async def flood(loop, sock):
    await loop.sock_sendall(sock, REQUEST)
    await asyncio.sleep(0.02)


KINDS = {f.__name__: f for f in (drip, silent, deaf, halfclose, huge, pipeline, garbage, flood)}


async def client(behave, address, until, seen):
    loop = asyncio.get_running_loop()
    while time.monotonic() < until:
        begun = time.monotonic()
        sock = socket.socket()
        sock.setblocking(False)
        if behave is deaf:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        try:
            await asyncio.wait_for(loop.sock_connect(sock, address), 10)
            seen[0] += 1
            await asyncio.wait_for(behave(loop, sock), max(0.1, until - begun))
        except (OSError, asyncio.TimeoutError):
            pass
        finally:
            sock.close()
        seen[1] = max(seen[1], time.monotonic() - begun)
        await asyncio.sleep(0.02)


async def main():
    host, port = sys.argv[1].rsplit(":", 1)
    until = time.monotonic() + float(sys.argv[2])
    seen, clients = {}, []
    for word in sys.argv[3:]:
        kind, number = word.split("=")
        seen[kind] = [0, 0.0]
        clients += [client(KINDS[kind], (host, int(port)), until, seen[kind]) for _ in range(int(number))]
    random.shuffle(clients)  # who is first has the few places at once
    await asyncio.gather(*clients)
    for kind, (connections, longest) in seen.items():
        print(f"{kind}: {connections} connections, the longest {longest:.1f} s")
        if not connections:
            sys.exit(f"no connection of {kind}")


asyncio.run(main())
