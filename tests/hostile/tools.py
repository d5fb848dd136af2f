"""What attacks are made of: sockets that misbehave, and calls at once."""

import asyncio
import json
import os
import socket
import threading
import time

import websockets

# Attackers give way to the node and to its neighbour, as machines of their own would.
NICENESS = 15
# Loopback has 16 million addresses, so one machine can play many clients.
SOURCES = [f"127.0.{block}.{host}" for block in range(1, 9) for host in range(1, 251)]


def rpc_body(method, params, number=1):
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params})


def http_head(path, length, key=None, extra=""):
    authorization = f"Authorization: Bearer {key}\r\n" if key else ""
    return (f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{authorization}Content-Type: application/json\r\n"
            f"Content-Length: {length}\r\n{extra}\r\n").encode()


def raw_socket(port, number=0, receive_bytes=None):
    """A connection from one of many addresses; None if the node takes no more."""
    peer = socket.socket()
    if receive_bytes:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    peer.settimeout(10)
    try:
        peer.bind((SOURCES[number % len(SOURCES)], 0))
        peer.connect(("127.0.0.1", port))
    except OSError:
        peer.close()
        return None
    return peer


class Crowd:
    """Many sockets that each did one thing and then stay as they are."""

    def __init__(self, count, port, begin):
        self.sockets, self.refused = [], 0
        for number in range(count):
            peer = raw_socket(port, number, receive_bytes=4096)
            try:
                if peer is None:
                    raise OSError
                begin(peer)
                self.sockets.append(peer)
            except OSError:
                self.refused += 1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for peer in self.sockets:
            peer.close()


def web_socket(node, key=None, **options):
    headers = {"Authorization": f"Bearer {key}"} if key else None
    url = f"ws://127.0.0.1:{node.port}"
    # Peers that do not read do not see the closing handshake either.
    return websockets.connect(url, additional_headers=headers, max_size=None, ping_interval=None, open_timeout=60,
                              close_timeout=0.1, **options)


async def rpc(peer, method, params, number=1, timeout=120):
    await peer.send(rpc_body(method, params, number))
    while True:
        message = json.loads(await asyncio.wait_for(peer.recv(), timeout))
        if message.get("id") == number:
            return message


def until(seconds, *jobs):
    """Repeats each job on a thread of its own for so many seconds; the number of times that one ended without an OSError."""
    end, done, lock = time.monotonic() + seconds, [0], threading.Lock()

    def repeat(job):
        while time.monotonic() < end:
            try:
                job()
            except (OSError, ValueError):
                time.sleep(0.05)
                continue
            with lock:
                done[0] += 1

    threads = [threading.Thread(target=repeat, args=(job,), daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds + 120)
    return done[0]


def step_back():
    os.nice(NICENESS)
