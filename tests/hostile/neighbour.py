"""A well-behaved client in a process of its own: it calls `health_check` and a short chat by turns and prints how long
each took, in milliseconds, as one JSON object. `python neighbour.py URL KEY SECONDS`"""

import asyncio
import json
import sys
import time

import websockets

PAUSE_SECONDS = 0.004
CHAT = {"messages": [{"role": "user", "content": "What is the capital of France?"}], "max_tokens": 8, "temperature": 0}


async def answer(socket, number):
    while True:
        message = json.loads(await socket.recv())
        if message.get("id") == number:
            return message


async def main(url, key, seconds):
    times = {"health_check": [], "chat": []}
    errors = []
    headers = {"Authorization": f"Bearer {key}"}
    async with websockets.connect(url, additional_headers=headers, open_timeout=60, ping_interval=None) as socket:
        calls = [("health_check", {}), ("chat", CHAT)]
        end, number = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            function, params = calls[number % len(calls)]
            number += 1
            request = {"jsonrpc": "2.0", "id": number, "method": "realm_call", "params": [function, params]}
            began = time.monotonic()
            await socket.send(json.dumps(request))
            message = await asyncio.wait_for(answer(socket, number), 120)
            times[function].append((time.monotonic() - began) * 1e3)
            if "error" in message:
                errors.append(message["error"]["message"])
            await asyncio.sleep(PAUSE_SECONDS)
    print(json.dumps({"times": times, "errors": errors}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3])))
