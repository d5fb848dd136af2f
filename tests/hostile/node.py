"""One keyed node under attack: the process, its keys, and what the system and the node say of it."""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

REALM = os.environ["REALM"]
START_MAX = 120  # seconds; only a hang takes so long
ATTACKER, NEIGHBOUR = "acme_corp", "startup_inc"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def write_chain(path):
    """The chain `local`, which needs keys and has three tenants, without rates: attacks are measured, not counted."""
    spec = json.loads(subprocess.check_output([REALM, "build-spec", "--chain", "local"]))
    for tenant in spec["tenants"]:
        for limit in ["requests_per_minute", "requests_burst", "tokens_per_minute", "tokens_burst"]:
            tenant["limits"][limit] = 6_000_000
    path.write_text(json.dumps(spec))


class Node:
    """A node whose chain needs keys and has three tenants."""

    def __init__(self, folder, *arguments, model=None):
        self.folder = pathlib.Path(folder)
        self.base = self.folder / "base"
        self.port, self.metrics_port = free_port(), free_port()
        self.log_path = self.folder / "node.log"
        made = subprocess.check_output([REALM, "--json", "key", "generate", "--base-path", self.base, "--label", "operator"])
        self.operator = json.loads(made)["key"]
        write_chain(self.folder / "chain.json")
        command = [REALM, "serve", "--chain", str(self.folder / "chain.json"), "--base-path", str(self.base), "--port", str(self.port),
                   "--metrics-port", str(self.metrics_port), *arguments]
        if model:
            command += ["--model", str(model)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=open(self.log_path, "wb"))
        self._wait_until_it_answers()

    def _wait_until_it_answers(self):
        end = time.monotonic() + START_MAX
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError(f"the node ended:\n{self.log()[-2000:]}")
            try:
                if self.http("/health", timeout=5)[0] == 200:
                    return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError(f"the node did not answer in {START_MAX} s")

    def log(self):
        return self.log_path.read_text(errors="backslashreplace")

    def is_alive(self):
        return self.process.poll() is None

    def stop(self):
        if self.is_alive():
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    # What the system says.

    def _status(self, field):
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{field}:\s+(\d+)", text).group(1)) << 10

    def resident_bytes(self):
        return self._status("VmRSS")

    def resident_bytes_peak(self):
        return self._status("VmHWM")

    def reset_peak(self):
        pathlib.Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    # What the node says.

    def http(self, path, body=None, key=None, headers=None, timeout=120):
        headers = dict(headers or {})
        if key:
            headers["Authorization"] = f"Bearer {key}"
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data=body, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def rpc(self, method, params=(), key=None, timeout=300):
        """The answer of a JSON-RPC method: an object with `result` or `error`."""
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        return json.loads(self.http("/", request, key=key or self.operator, timeout=timeout)[1])

    def call(self, function, params, key, timeout=300):
        """The status and answer of a function over HTTP."""
        status, body = self.http(f"/call/{function}", params, key=key, timeout=timeout)
        return status, json.loads(body or b"null")

    def make_key(self, tenant, role):
        return self.rpc("realm_keyGenerate", [tenant, [role]])["result"]["key"]

    def metrics(self):
        """All series as {name with labels: value}."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=60) as answer:
            lines = answer.read().decode().splitlines()
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}

    def usage(self, tenant):
        return self.rpc("realm_usage", [tenant])["result"]["total"]
