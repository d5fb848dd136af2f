"""Without a key."""

import asyncio
import contextlib
import time

from tools import Crowd, http_head, rpc, rpc_body, until, web_socket

from . import Attack

CODE = "0x3a636f6465"
SOCKETS = 4000
# Growth that the issue allows for one request of a client without a key, and for all such clients together.
ONE_REQUEST, ALL_CLIENTS = 4 << 20, 160 << 20


async def follow(peer):
    await peer.send(rpc_body("chainHead_v1_follow", [False]))
    subscription = block = None
    while not (subscription and block):
        message = json.loads(await peer.recv())
        if "error" in message:
            raise OSError(message["error"]["message"])
        if message.get("id") == 1:
            subscription = message["result"]
        elif message["params"]["result"].get("event") == "initialized":
            block = message["params"]["result"]["finalizedBlockHashes"][0]
    return subscription, block


def code_query(node, keys, seconds):
    async def play():
        async with web_socket(node) as peer:
            subscription, block = await follow(peer)
            items = [{"key": CODE, "type": "value"}] * 1024
            answer = await rpc(peer, "chainHead_v1_storage", [subscription, block, items, None], number=2)
            return answer.get("error", {}).get("message") or str(answer.get("result"))
    return asyncio.run(play())


def code_queries_unread(node, keys, seconds):
    async def play():
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(16):
                peer = await stack.enter_async_context(web_socket(node, max_queue=1))
                subscription, block = await follow(peer)
                for number in range(2, 34):
                    items = [{"key": CODE, "type": "value"}]
                    await peer.send(rpc_body("chainHead_v1_storage", [subscription, block, items, None], number))
            await asyncio.sleep(seconds)
    asyncio.run(play())
    return "512 operations asked for and not read"


def query_batches(node, keys, seconds):
    query = {"jsonrpc": "2.0", "id": 1, "method": "state_queryStorageAt", "params": [[CODE] * 256]}
    answers = []
    job = lambda: answers.append(node.http("/", [query] * 12, timeout=60))
    until(seconds, *[job] * 3)
    return f"{len(answers)} batches, statuses {sorted({status for status, _ in answers})}"


def half_bodies(node, keys, seconds):
    head = http_head("/", 1_000_000) + b"{"
    with Crowd(SOCKETS, node.port, lambda peer: peer.sendall(head)) as crowd:
        return held(node, crowd, seconds)


def unread_answers(node, keys, seconds):
    body = rpc_body("state_getMetadata", []).encode()
    request = (http_head("/", len(body)) + body) * 8
    with Crowd(SOCKETS, node.port, lambda peer: peer.sendall(request)) as crowd:
        return held(node, crowd, seconds)


def silent_sockets(node, keys, seconds):
    with Crowd(SOCKETS, node.port, lambda peer: None) as crowd:
        return held(node, crowd, seconds)


def held(node, crowd, seconds):
    """Whether somebody with a key is served beside the crowd."""
    served = []

    def job():
        served.append(node.http("/v1/models", key=node.operator, timeout=30)[0])
        time.sleep(0.05)
    until(seconds, job)
    share = sum(status == 200 for status in served)
    assert served and share == len(served), f"{share} of {len(served)} requests with a key were served"
    return f"{len(crowd.sockets)} sockets open, {crowd.refused} refused; {len(served)} of {len(served)} with a key served"


def fat_frames(node, keys, seconds):
    fields = "{" + ",".join(f'"field{number}":1' for number in range(600_000)) + "}"
    frame = rpc_body("realm_call", ["generate"])[:-2] + f", {fields}]}}"

    async def play():
        async def one():
            closed = 0
            end = asyncio.get_running_loop().time() + seconds
            while asyncio.get_running_loop().time() < end:
                try:
                    async with web_socket(node) as peer:
                        await peer.send(frame)
                        await asyncio.wait_for(peer.recv(), 30)
                except Exception:
                    await asyncio.sleep(0.05)
                closed += 1
            return closed
        return sum(await asyncio.gather(*[one() for _ in range(8)]))
    return f"{asyncio.run(play())} frames of {len(frame) >> 20} MiB"


def half_frames(node, keys, seconds):
    upgrade = (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
    length = 9 << 20
    header = b"\x81\xff" + length.to_bytes(8, "big") + b"\0\0\0\0"

    def begin(peer):
        peer.sendall(upgrade)
        peer.recv(4096)
        peer.sendall(header)
        with contextlib.suppress(OSError):
            peer.settimeout(1)
            for _ in range(length >> 16):
                peer.sendall(b" " * (1 << 16))
    with Crowd(100, node.port, begin) as crowd:
        return f"{len(crowd.sockets)} WebSockets, each in the middle of a frame of 9 MiB"


def wrong_keys(node, keys, seconds):
    job = lambda: node.http("/v1/models", key="realm_" + "0" * 64, timeout=30)
    return f"{until(seconds, *[job] * 4)} requests with a wrong key"


def idle_followers(node, keys, seconds):
    async def play():
        async with contextlib.AsyncExitStack() as stack:
            open_count = 0
            for _ in range(64):
                with contextlib.suppress(Exception):
                    peer = await stack.enter_async_context(web_socket(node, max_queue=1))
                    for _ in range(4):
                        await peer.send(rpc_body("chainHead_v1_follow", [True]))
                    open_count += 1
            await asyncio.sleep(seconds)
            return open_count
    return f"{asyncio.run(play())} connections follow the chain and read nothing"


ATTACKS = [
    Attack("one query of 1,024 times the runtime's code", "security 1", code_query, ONE_REQUEST),
    Attack("512 queries of the code, unread", "security 1", code_queries_unread, ALL_CLIENTS),
    Attack("batches of storage queries", "security 1", query_batches, ALL_CLIENTS),
    Attack("4,000 half-sent bodies", "security 4, F6", half_bodies, ALL_CLIENTS),
    Attack("4,000 unread answers", "security 4", unread_answers, ALL_CLIENTS),
    Attack("4,000 silent sockets", "security 4", silent_sockets, ALL_CLIENTS),
    Attack("frames of 9.9 MB", "F1", fat_frames, ALL_CLIENTS),
    Attack("100 unfinished frames of 9 MiB", "F7", half_frames, ALL_CLIENTS),
    Attack("followers that read nothing", "security 1", idle_followers, ALL_CLIENTS),
    Attack("wrong keys", "security 4", wrong_keys, ALL_CLIENTS),
]
