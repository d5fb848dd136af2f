"""docs/operations/nginx.conf and haproxy.cfg as they stand, with only their ports and folders replaced, in front of real nodes."""

import asyncio
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import time
import urllib.request

import pytest
import websockets

REALM = os.environ["REALM"]
OPERATIONS = pathlib.Path(__file__).resolve().parents[2] / "docs" / "operations"
HANG = 60  # seconds; only a hang takes so long
TENANTS = [f"tenant-{number}" for number in range(24)]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(what, check):
    end = time.monotonic() + HANG
    while time.monotonic() < end:
        if check():
            return
        time.sleep(0.1)
    raise AssertionError(f"{what} did not happen in {HANG} s")


class Node:
    """A node whose chain's name says which one it is; with `data`, one that needs keys and has this database."""

    def __init__(self, folder, name, chain="dev", data=None):
        self.name, self.port, self.folder, self.data, self.process = name, free_port(), folder, data, None
        spec = json.loads(subprocess.check_output([REALM, "build-spec", "--chain", chain]))
        spec["name"] = name
        self.chain = folder / f"{name}.json"
        self.chain.write_text(json.dumps(spec))

    def start(self):
        log = open(self.folder / f"{self.name}.log", "ab")
        command = [REALM, "serve", "--chain", str(self.chain), "--port", str(self.port), "--no-metrics"]
        if self.data:
            command += ["--base-path", str(self.data)]
        self.process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_until(f"{self.name} answers", self.answers)

    def answers(self):
        assert self.process.poll() is None, (self.folder / f"{self.name}.log").read_text()
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5).status == 200
        except OSError:
            return False

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("proxies")
    with proxied(folder, [Node(folder, f"node{number}") for number in (1, 2, 3)]) as world:
        yield world


@pytest.fixture(scope="module")
def keyed_world(tmp_path_factory):
    """The same with a chain that needs keys, and the keys that all three nodes know."""
    folder = tmp_path_factory.mktemp("keyed")
    first = folder / "data1"
    generate = [REALM, "key", "generate", "--base-path", str(first)]
    keys = [subprocess.check_output([*generate, "--tenant", "acme_corp"], text=True).strip() for _ in range(16)]
    for number in (2, 3):
        shutil.copytree(first, folder / f"data{number}")
    nodes = [Node(folder, f"node{number}", "local", folder / f"data{number}") for number in (1, 2, 3)]
    with proxied(folder, nodes) as world:
        yield {**world, "keys": keys}


@contextlib.contextmanager
def proxied(folder, nodes):
    key, cert, both = folder / "realm.key", folder / "realm.pem", folder / "realm.both.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", cert],
        check=True, capture_output=True)
    both.write_text(cert.read_text() + key.read_text())
    processes = []
    try:
        for node in nodes:
            node.start()
        nginx, haproxy = free_port(), free_port()
        replace = {"/etc/ssl/realm": str(folder), "/run/nginx.pid": str(folder / "nginx.pid"),
                   "127.0.0.1:9944": f"127.0.0.1:{nodes[0].port}", "127.0.0.1:9954": f"127.0.0.1:{nodes[1].port}",
                   "127.0.0.1:9964": f"127.0.0.1:{nodes[2].port}"}
        for name, listen, port in (("nginx.conf", "listen 443 ", nginx), ("haproxy.cfg", "bind :443 ", haproxy)):
            text = (OPERATIONS / name).read_text()
            for old, new in replace.items():
                text = text.replace(old, new)
            text, count = re.subn(re.escape(listen), lambda _, listen=listen, port=port: listen.replace(":443", f"127.0.0.1:{port}").replace(" 443", f" 127.0.0.1:{port}"), text)
            assert count == 1, name
            (folder / name).write_text(text)
        log = open(folder / "proxies.log", "ab")
        processes.append(subprocess.Popen([shutil.which("nginx"), "-p", folder, "-c", folder / "nginx.conf", "-e", "stderr", "-g", "daemon off;"], stdout=log, stderr=log))
        processes.append(subprocess.Popen([shutil.which("haproxy"), "-db", "-f", folder / "haproxy.cfg"], stdout=log, stderr=log))
        context = ssl.create_default_context(cafile=str(cert))
        for port in (nginx, haproxy):
            wait_until("the proxy answers", lambda port=port: healthy(port, context))
        yield {"nodes": nodes, "nginx": nginx, "haproxy": haproxy, "tls": context, "cert": str(cert)}
    finally:
        for process in processes + [node.process for node in nodes if node.process]:
            if process.poll() is None:
                process.terminate()
                process.wait(HANG)


def healthy(port, context):
    try:
        return urllib.request.urlopen(f"https://localhost:{port}/health", context=context, timeout=5).status == 200
    except OSError:
        return False


def connect(world, proxy, tenant=None, **others):
    headers = {**others, **({"x-realm-tenant": tenant} if tenant else {})}
    return websockets.connect(f"wss://localhost:{world[proxy]}/", ssl=world["tls"], additional_headers=headers, open_timeout=HANG)


async def ask(connection, method, *params):
    await connection.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
    while "id" not in (answer := json.loads(await asyncio.wait_for(connection.recv(), HANG))):
        pass
    return answer["result"]


async def arrivals(connection):
    """When each event of a stream came, in seconds."""
    await ask(connection, "realm_subscribe", "stream_generate", {"prompt": "Once upon a time", "max_tokens": 200, "temperature": 0})
    times, began = [], time.monotonic()
    while True:
        event = json.loads(await asyncio.wait_for(connection.recv(), HANG))["params"]["result"]
        times.append(time.monotonic() - began)
        assert event["seq"] == len(times) - 1
        if event["type"] != "stream":
            assert event["type"] == "result", event
            return times


@pytest.mark.parametrize("proxy", ["nginx", "haproxy"])
def test_a_stream_arrives_token_by_token(world, proxy):
    """A proxy that buffers gives all events at once at the end. The bound is relative: no clock of this machine is trusted."""

    async def stream():
        async with connect(world, proxy) as connection:
            times = await arrivals(connection)
            assert len(times) > 20
            assert times[0] < times[-1] / 2, f"the first of {len(times)} came after {times[0]:.3f} of {times[-1]:.3f} s"

    asyncio.run(stream())


@pytest.mark.parametrize("proxy", ["nginx", "haproxy"])
def test_plain_http_goes_the_same_way(world, proxy):
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "realm_call", "params": ["health_check"]}).encode()
    request = urllib.request.Request(f"https://localhost:{world[proxy]}/", body, {"content-type": "application/json"})
    answer = json.load(urllib.request.urlopen(request, context=world["tls"], timeout=HANG))
    assert answer["result"]["healthy"] is True


async def where(world, tenant):
    async with connect(world, "haproxy", tenant) as connection:
        return await ask(connection, "system_chain")


async def everywhere(world):
    return {tenant: await where(world, tenant) for tenant in TENANTS}


def test_tenants_stay_on_their_nodes_and_only_those_of_a_lost_node_move(world):
    before = asyncio.run(everywhere(world))
    assert set(before.values()) == {"node1", "node2", "node3"}, before
    assert asyncio.run(everywhere(world)) == before
    lost = world["nodes"][1]
    moved = [tenant for tenant, node in before.items() if node == lost.name]

    async def cut():
        async with connect(world, "haproxy", moved[0]) as connection:
            await ask(connection, "realm_subscribe", "stream_generate", {"prompt": "Once", "max_tokens": 900, "temperature": 1})
            lost.kill()
            with pytest.raises(websockets.exceptions.ConnectionClosed):
                while True:
                    await asyncio.wait_for(connection.recv(), HANG)
            # Whoever was cut off comes back on another node, as clients come back: with another try if need be.
            end = time.monotonic() + HANG
            while True:
                try:
                    assert await where(world, moved[0]) != lost.name
                    return
                except (websockets.exceptions.InvalidHandshake, OSError):
                    assert time.monotonic() < end
                    await asyncio.sleep(0.2)

    asyncio.run(cut())
    after = asyncio.run(everywhere(world))
    assert {tenant: node for tenant, node in after.items() if tenant not in moved} == {t: n for t, n in before.items() if t not in moved}
    assert lost.name not in after.values()
    lost.start()
    wait_until("its tenants come back", lambda: asyncio.run(everywhere(world)) == before)


async def node_of(world, tenant=None, **headers):
    async with connect(world, "haproxy", tenant, **headers) as connection:
        assert (await ask(connection, "realm_call", "health_check"))["healthy"] is True
        return await ask(connection, "system_chain")


def test_keys_of_one_tenant_meet_on_one_node_where_the_tenant_is_said(keyed_world):
    """Hashed by its key alone, a tenant with several keys is spread over the nodes, and its conversations with it."""
    by_key = [asyncio.run(node_of(keyed_world, authorization=f"Bearer {key}")) for key in keyed_world["keys"]]
    assert len(set(by_key)) > 1, by_key
    assert by_key == [asyncio.run(node_of(keyed_world, authorization=f"Bearer {key}")) for key in keyed_world["keys"]]
    by_tenant = {asyncio.run(node_of(keyed_world, "acme_corp", authorization=f"Bearer {key}")) for key in keyed_world["keys"]}
    assert len(by_tenant) == 1
    # The key of the subprotocol counts as well: more than one node, and always the same.
    async def by_protocol(key):
        async with websockets.connect(
            f"wss://localhost:{keyed_world['haproxy']}/", ssl=keyed_world["tls"], subprotocols=["realm", f"realm-key.{key}"], open_timeout=HANG
        ) as connection:
            return await ask(connection, "system_chain")

    twice = [[asyncio.run(by_protocol(key)) for key in keyed_world["keys"]] for _ in range(2)]
    assert twice[0] == twice[1] and len(set(twice[0])) > 1


def test_the_python_client_says_its_tenant(keyed_world):
    """The client sends the header that the proxy reads; without, its two keys would be two tenants to the proxy."""
    from realm import RealmClient

    os.environ["SSL_CERT_FILE"] = keyed_world["cert"]
    places = set()
    for key in keyed_world["keys"]:
        with RealmClient(f"wss://localhost:{keyed_world['haproxy']}/", api_key=key, tenant_id="acme_corp") as client:
            assert client.call("health_check")["healthy"] is True
            places.add(client.request("system_chain"))
    assert len(places) == 1
