// What the clients' programs share: the command line, checks that name what failed, and the upgrade
// in the middle, which goes over a connection of its own.
import { readFile } from 'node:fs/promises';
import WebSocket from 'ws';

/** `node PROGRAM.mjs ws://127.0.0.1:9944 new-runtime.wasm` */
export function commandLine() {
  const [url, blob] = process.argv.slice(2);
  if (!url || !blob) {
    console.error('usage: node PROGRAM.mjs URL NEW_RUNTIME.wasm');
    process.exit(2);
  }
  return { url, blob };
}

export function check(what, holds, seen) {
  if (!holds) {
    console.error(`FAILED: ${what}`, seen);
    process.exit(1);
  }
  console.log(`ok: ${what}`);
}

/** One request over one connection. */
export function request(url, method, params) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    socket.on('open', () => socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })));
    socket.on('error', reject);
    socket.on('message', (text) => {
      const answer = JSON.parse(text);
      socket.close();
      answer.error ? reject(new Error(JSON.stringify(answer.error))) : resolve(answer.result);
    });
  });
}

/** Puts the new runtime in force while the client under test stays connected. */
export async function upgrade(url, blob) {
  const code = `0x${(await readFile(blob)).toString('hex')}`;
  return request(url, 'realm_upgradeRuntime', [code]);
}

export async function rollBack(url) {
  return request(url, 'realm_rollbackRuntime', []);
}

/** Waits until `holds` does; a client that never gets there fails. */
export async function until(what, holds, waitMs = 60_000) {
  const end = Date.now() + waitMs;
  while (Date.now() < end) {
    if (await holds()) return check(what, true);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  check(what, false, `not within ${waitMs} ms`);
}

export const PROMPT = 'Once upon a time';
export const TEXT = 'A fox met a crow. The crow had cheese. The fox sang, and the cheese fell.';
