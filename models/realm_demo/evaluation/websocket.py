"""A WebSocket client of the few lines that the scorer needs, from the standard library.

One connection, text frames only, one request at a time.
"""

import base64
import json
import os
import socket
import struct
from urllib.parse import urlparse

FRAME_BYTES_MAX = 16 * 1024 * 1024
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class RpcError(Exception):
    """The node answered with a JSON-RPC error."""


class JsonRpcSocket:
    def __init__(self, url: str, key: "str | None" = None, timeout_s: float = 120):
        at = urlparse(url)
        self.socket = socket.create_connection((at.hostname, at.port or 80), timeout_s)
        self.file = self.socket.makefile("rb")
        self.request_id = 0
        lines = [
            f"GET {at.path or '/'} HTTP/1.1", f"Host: {at.netloc}", "Upgrade: websocket", "Connection: Upgrade",
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}", "Sec-WebSocket-Version: 13",
        ]
        if key:
            lines.append(f"Authorization: Bearer {key}")
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        status = self.file.readline().decode().strip()
        if " 101 " not in status:
            raise ConnectionError(f"the node refused the WebSocket: {status}")
        while self.file.readline().strip():
            pass

    def send(self, kind: int, data: bytes):
        mask = os.urandom(4)
        size = len(data)
        head = bytes([0x80 | kind])
        if size < 126:
            head += bytes([0x80 | size])
        elif size < 65536:
            head += bytes([0x80 | 126]) + struct.pack(">H", size)
        else:
            head += bytes([0x80 | 127]) + struct.pack(">Q", size)
        self.socket.sendall(head + mask + bytes(b ^ mask[n % 4] for n, b in enumerate(data)))

    def frame(self):
        first, second = self.file.read(2)
        size = second & 127
        if size == 126:
            (size,) = struct.unpack(">H", self.file.read(2))
        elif size == 127:
            (size,) = struct.unpack(">Q", self.file.read(8))
        if size > FRAME_BYTES_MAX:
            raise ConnectionError(f"a frame of {size} bytes")
        return first & 15, bool(first & 128), self.file.read(size)

    def receive(self) -> str:
        text = b""
        while True:
            kind, final, data = self.frame()
            if kind == PING:
                self.send(PONG, data)
            elif kind == CLOSE:
                raise ConnectionError("the node closed the connection")
            elif kind != PONG:
                text += data
                if final:
                    return text.decode("utf-8")

    def call(self, method: str, params):
        self.request_id += 1
        request = {"jsonrpc": "2.0", "id": self.request_id, "method": method, "params": params}
        self.send(TEXT, json.dumps(request).encode())
        while True:
            answer = json.loads(self.receive())
            if answer.get("id") == self.request_id:
                if "error" in answer:
                    raise RpcError(json.dumps(answer["error"]))
                return answer["result"]
