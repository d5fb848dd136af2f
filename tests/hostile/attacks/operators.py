"""Attacks that need a node of their own: by the author of a model, by a user of the machine, by a page or a proxy beside it.

Each is a function of a folder; it raises AssertionError where the node does not hold.
"""

import json
import os
import pathlib
import stat
import subprocess
import urllib.error
import urllib.request

from node import REALM, Node, free_port

DEEP = "{% set ns = namespace(x=[]) %}{% for i in range(100000) %}{% set ns.x = [ns.x] %}{% endfor %}"
TEMPLATES = {
    "a deep list": DEEP + "{{ ns.x }}",
    "a deep list as JSON": DEEP + "{{ ns.x | tojson }}",
    "a macro that calls itself": "{% macro f(n) %}{{ f(n+1) }}{% endmacro %}{{ f(0) }}",
    "text that doubles": "{% set ns = namespace(x='aaaaaaaa') %}{% for i in range(40) %}{% set ns.x = ns.x + ns.x %}{% endfor %}{{ ns.x }}",
}
TEMPLATE_KEY = b"tokenizer.chat_template"


def with_template(model, template, path):
    """A copy of a GGUF file whose chat template is another one, of any length."""
    data = pathlib.Path(model).read_bytes()
    at = data.index(TEMPLATE_KEY) + len(TEMPLATE_KEY) + 4
    old = int.from_bytes(data[at:at + 8], "little")
    rest = at + 8 + old
    text = template.encode()
    # Padded, so that the tensors keep their alignment.
    text += b" " * ((old - len(text)) % 32)
    path.write_bytes(data[:at] + len(text).to_bytes(8, "little") + text + data[rest:])


def templates(folder):
    """Model author: templates that recurse or grow."""
    for number, (name, template) in enumerate(TEMPLATES.items()):
        place = folder / f"template{number}"
        place.mkdir()
        with_template(os.environ["DEMO_MODEL"], template, place / "model.gguf")
        try:
            node = Node(place, model=place / "model.gguf")
        except RuntimeError as error:
            assert "exit" not in str(error), error
            continue
        try:
            key = node.make_key("acme_corp", "call")
            for _ in range(2):
                status, answer = node.call("chat", {"message": "hi", "max_tokens": 2}, key, timeout=120)
            assert node.is_alive(), f"{name} ended the node"
            assert status >= 400, f"{name} was rendered: {answer}"
        finally:
            node.stop()
    return f"{len(TEMPLATES)} templates, each an error; the node lives"


def files(folder):
    """Local user: what other users of the machine can read."""
    old = os.umask(0o022)
    try:
        node = Node(folder)
        node.stop()
    finally:
        os.umask(old)
    base = folder / "base"
    modes = {str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode) for path in [base, *base.rglob("*")]}
    readable = {name: oct(mode) for name, mode in modes.items() if mode & 0o077}
    assert not readable, f"other users can read {readable}"
    return f"{len(modes)} files and folders, none open to others"


def linked_cache(folder):
    """Local user: a symbolic link in a cache folder that others may write."""
    shared, target = folder / "shared", folder / "victim"
    shared.mkdir()
    shared.chmod(0o777)
    target.write_text("precious")
    probe = Node(folder / "probe_parent", "--compiled-dir", str(shared)) if (folder / "probe_parent").mkdir() is None else None
    names = [path.name for path in shared.iterdir()]
    probe.stop()
    assert not names, f"the node wrote {names} into a folder that others may write"
    return "nothing is written into a folder that others may write"


def metrics_address(folder):
    """Anyone near: metrics are on loopback whatever the host."""
    port, metrics = free_port(), free_port()
    base = folder / "base"
    subprocess.check_output([REALM, "--json", "key", "generate", "--base-path", base, "--label", "operator"])
    process = subprocess.Popen(
        [REALM, "serve", "--chain", "local", "--base-path", base, "--host", "0.0.0.0", "--port", str(port), "--metrics-port", str(metrics)],
        stderr=subprocess.DEVNULL)
    try:
        wait(f"http://127.0.0.1:{port}/health", process)
        listening = pathlib.Path("/proc/net/tcp").read_text()
        everywhere = f"00000000:{metrics:04X}"
        assert everywhere not in listening, "metrics listen on all addresses"
    finally:
        process.terminate()
        process.wait()
    return "metrics listen on loopback only"


def forwarded(folder):
    """Web: on a chain without keys, forwarded requests and foreign hosts do not administer."""
    port = free_port()
    process = subprocess.Popen([REALM, "serve", "--dev", "--port", str(port), "--no-metrics"], stderr=subprocess.DEVNULL)
    try:
        wait(f"http://127.0.0.1:{port}/health", process)
        for headers in [{"X-Forwarded-For": "203.0.113.9"}, {"Forwarded": "for=203.0.113.9"}, {"X-Real-IP": "203.0.113.9"},
                        {"Via": "1.1 proxy"}, {"Host": "evil.example"}, {"Origin": "http://localhost:3000"}]:
            assert not generates_keys(port, headers), f"a request with {headers} makes keys"
        assert generates_keys(port, {}), "this machine itself makes keys"
    finally:
        process.terminate()
        process.wait()
    return "six kinds of foreign requests refused"


def generates_keys(port, headers):
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "realm_keyGenerate", "params": ["acme_corp"]}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/", data=body, headers={"Content-Type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return "result" in json.loads(answer.read())
    except urllib.error.HTTPError:
        return False


def wait(url, process):
    import time
    for _ in range(600):
        assert process.poll() is None, "the node ended"
        try:
            urllib.request.urlopen(url, timeout=5)
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the node does not answer")


CHECKS = [templates, files, linked_cache, metrics_address, forwarded]
