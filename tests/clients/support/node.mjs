// A real node of its own for each test: started on any port, told to stop when the test ends, and its log shown
// if the test failed. REALM is the program, SUMMARIZE_BLOB the runtime to upgrade to; scripts/test-clients.sh sets both.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import WebSocket from 'ws';

/** Lines of a node's log that are kept. */
const LOG_LINES_MAX = 200;

function setting(name) {
  const value = process.env[name];
  assert.ok(value, `${name} is not set; run ./scripts/test-clients.sh stock-clients`);
  return value;
}

/** One running node. */
export class RealmNode {
  #child;
  #log = [];
  #guests = [];

  /** Starts a chain; `args` go to `realm serve`. It is stopped when the test `t` ends. */
  static async start(t, { chain = 'dev' } = {}, ...args) {
    const node = new RealmNode();
    const serve = ['serve', '--chain', chain, '--port', '0', '--no-metrics', '--log-format', 'json', ...args];
    node.#child = spawn(setting('REALM'), serve, { stdio: ['ignore', 'ignore', 'pipe'] });
    const ended = once(node.#child, 'exit');
    t.after(async () => {
      for (const leave of node.#guests) await leave();
      node.#child.kill('SIGTERM');
      const [code] = await ended;
      if (code !== 0) t.diagnostic(`the node ended with ${code}:\n${node.#log.join('\n')}`);
      assert.equal(code, 0, 'the node ends well');
    });
    node.url = await new Promise((resolve, reject) => {
      createInterface(node.#child.stderr).on('line', (line) => {
        node.#log.push(line);
        if (node.#log.length > LOG_LINES_MAX) node.#log.shift();
        const { fields } = JSON.parse(line);
        if (fields?.message === 'listening') resolve(fields.url);
      });
      ended.then(([code]) => reject(new Error(`the node ended with ${code}:\n${node.#log.join('\n')}`)));
    });
    return node;
  }

  /** Has a client leave before the node stops. */
  beforeStop(leave) {
    this.#guests.push(leave);
  }

  /** Puts the runtime with `summarize` in force, over a connection that is not the client's. */
  async upgrade() {
    const code = await readFile(setting('SUMMARIZE_BLOB'));
    const report = await this.request('realm_upgradeRuntime', [`0x${code.toString('hex')}`]);
    assert.equal(report.to.spec_version, report.from.spec_version + 1);
    return report;
  }

  /** One request over a connection of its own. */
  request(method, params) {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(this.url);
      socket.on('open', () => socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })));
      socket.on('error', reject);
      socket.on('message', (text) => {
        const answer = JSON.parse(text);
        socket.close();
        answer.error ? reject(new Error(JSON.stringify(answer.error))) : resolve(answer.result);
      });
    });
  }
}
