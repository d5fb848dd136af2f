// A real node for each test, and a proxy that cuts connections. REALM is the program and SUMMARIZE_BLOB the runtime to
// upgrade to; scripts/test-clients.sh sets both.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export function setting(name) {
  const value = process.env[name];
  assert.ok(value, `${name} is not set; run ./scripts/test-clients.sh sdk-js`);
  return value;
}

/** One running node; it is stopped when the test `t` ends. */
export class RealmNode {
  #child;
  #ended;

  static async start(t, { port = 0, chain = 'dev', args = [] } = {}) {
    const node = new RealmNode();
    const serve = ['serve', '--chain', chain, '--port', String(port), '--no-metrics', '--log-format', 'json', '--shutdown-timeout', '1', ...args];
    node.#child = spawn(setting('REALM'), serve, { stdio: ['ignore', 'ignore', 'pipe'] });
    node.#ended = once(node.#child, 'exit');
    t.after(() => node.stop());
    node.url = await new Promise((resolve, reject) => {
      const log = [];
      createInterface(node.#child.stderr).on('line', (line) => {
        if (log.push(line) > 50) log.shift();
        const { fields } = JSON.parse(line);
        if (fields?.message === 'listening') resolve(fields.url);
      });
      node.#ended.then(([code]) => reject(new Error(`the node ended with ${code}:\n${log.join('\n')}`)));
    });
    node.port = Number(new URL(node.url).port);
    return node;
  }

  async stop() {
    this.#child.kill('SIGTERM');
    await this.#ended;
  }
}

/** A node of the chain `local`, which needs keys: the operator's key, and a function that makes a tenant's. */
export async function keyed(t) {
  const folder = mkdtempSync(join(tmpdir(), 'realm-keys-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const realm = (...args) => execFileSync(setting('REALM'), args, { stdio: ['ignore', 'pipe', 'ignore'], encoding: 'utf8' }).trim();
  const root = realm('key', 'generate', '--base-path', folder);
  const node = await RealmNode.start(t, { chain: 'local', args: ['--base-path', folder] });
  return { node, root, keyOf: (tenant) => realm('key', 'generate', '--tenant', tenant, '--url', node.url, '--api-key', root) };
}

export async function blob() {
  return `0x${(await readFile(setting('SUMMARIZE_BLOB'))).toString('hex')}`;
}

/** Numbers from 0 up to 1, the same for the same seed (mulberry32). */
export function chance(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Passes bytes on, and cuts each connection after a random number of them, in either direction. */
export class FlakyProxy {
  cuts = 0;
  /** Bytes from clients, and from the node. */
  received = 0;
  sent = 0;
  /** Whether a connection goes silent once the node has answered the handshake. */
  silentAfterHandshake = false;
  #server;
  #sockets = new Set();
  #connections = new Set();

  static async start(t, port, random, bytesMin, bytesMax) {
    const proxy = new FlakyProxy();
    proxy.#server = net.createServer((client) => {
      const node = net.connect(port, '127.0.0.1');
      const connection = { silent: false };
      proxy.#connections.add(connection);
      let left = bytesMin + Math.floor(random() * (bytesMax - bytesMin));
      const cut = () => {
        client.destroy();
        node.destroy();
      };
      const pass = (from, to) => {
        proxy.#sockets.add(from);
        from.setNoDelay(true);
        from.on('error', cut);
        from.on('close', () => {
          proxy.#sockets.delete(from);
          cut();
        });
        from.on('data', (data) => {
          proxy[from === client ? 'received' : 'sent'] += data.length;
          if (left <= 0 || connection.silent) return;
          // What answers the handshake is the first that the node sends.
          if (from === node && proxy.silentAfterHandshake) connection.silent = true;
          to.write(data.subarray(0, left));
          left -= data.length;
          if (left > 0) return;
          proxy.cuts += 1;
          // What was written before is still sent.
          to.end();
          setTimeout(cut, 2);
        });
      };
      pass(client, node);
      pass(node, client);
    });
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    proxy.url = `ws://127.0.0.1:${proxy.#server.address().port}`;
    t.after(() => {
      proxy.#server.close();
      for (const socket of proxy.#sockets) socket.destroy();
    });
    return proxy;
  }

  /** Passes nothing on any more and closes nothing, as where a cable is pulled. */
  goSilent() {
    for (const connection of this.#connections) connection.silent = true;
  }

  /** Cuts all connections now. */
  cutAll() {
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** Waits until the node computes nothing any more, and gives the tokens that it computed since it started. */
export async function computedWhenIdle(client) {
  for (;;) {
    const status = await client.request('realm_status');
    const busy = status.calls_running + status.calls_waiting + status.models.reduce((sum, { jobs }) => sum + jobs, 0);
    if (busy === 0) return status.models.reduce((sum, { tokens_total }) => sum + tokens_total, 0);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A client that is connected, and closed when the test ends. */
export async function connect(t, RealmClient, settings) {
  const client = new RealmClient({ backoffMsMin: 10, backoffMsMax: 100, ...settings });
  t.after(() => client.close());
  await client.connect();
  return client;
}

/** The code that a promise is rejected with. */
export async function rejection(promise) {
  return promise.then(
    (value) => assert.fail(`it gave ${JSON.stringify(value)}`),
    (error) => error.code,
  );
}
