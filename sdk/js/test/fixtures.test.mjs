// The wire fixtures (tests/wire-fixtures/README.md) over ws itself, without the client.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import test from 'node:test';
import { WebSocket } from 'ws';
import { RealmNode } from './support.mjs';

const FOLDER = new URL('../../../tests/wire-fixtures/', import.meta.url);
const BIND = '$bind:';

/** Where a value does not match, or undefined. */
function mismatch(pattern, value, bound, path = '$') {
  const differs = () => `${path}: expected ${JSON.stringify(pattern)}, got ${JSON.stringify(value)}`;
  if (pattern === '$any') return value === undefined ? differs() : undefined;
  if (pattern === '$string' || pattern === '$number') return typeof value === pattern.slice(1) ? undefined : differs();
  if (typeof pattern === 'string' && pattern.startsWith(BIND)) {
    if (!bound.has(pattern)) bound.set(pattern, value);
    return mismatch(bound.get(pattern), value, new Map(), path);
  }
  if (Array.isArray(pattern)) {
    if (!Array.isArray(value) || value.length !== pattern.length) return differs();
    return pattern.map((each, at) => mismatch(each, value[at], bound, `${path}[${at}]`)).find(Boolean);
  }
  if (pattern !== null && typeof pattern === 'object') {
    if (value === null || typeof value !== 'object') return differs();
    const { $more, ...fields } = pattern;
    const extra = Object.keys(value).find((name) => !(name in fields));
    if (extra !== undefined && !$more) return `${path}.${extra}: not expected in ${JSON.stringify(value)}`;
    return Object.entries(fields).map(([name, each]) => mismatch(each, value[name], bound, `${path}.${name}`)).find(Boolean);
  }
  return pattern === value ? undefined : differs();
}

function filled(frame, bound) {
  if (typeof frame === 'string') return bound.has(frame) ? bound.get(frame) : frame;
  if (Array.isArray(frame)) return frame.map((each) => filled(each, bound));
  if (frame === null || typeof frame !== 'object') return frame;
  return Object.fromEntries(Object.entries(frame).map(([name, each]) => [name, filled(each, bound)]));
}

async function open(url) {
  const [socket, frames, waiting] = [new WebSocket(url), [], []];
  socket.on('message', (text) => {
    frames.push(JSON.parse(text));
    waiting.shift()?.();
  });
  await once(socket, 'open');
  const next = async () => {
    while (frames.length === 0) await new Promise((resolve) => waiting.push(resolve));
    return frames.shift();
  };
  return { socket, next };
}

for (const name of (await readdir(FOLDER)).filter((file) => file.endsWith('.json'))) {
  test(`fixture ${name}`, { timeout: 60_000 }, async (t) => {
    const node = await RealmNode.start(t);
    const { steps } = JSON.parse(await readFile(new URL(name, FOLDER), 'utf8'));
    const bound = new Map();
    let link = await open(node.url);
    for (const step of steps) {
      if (step.reconnect) {
        link.socket.terminate();
        link = await open(node.url);
      } else if ('send' in step) {
        link.socket.send(typeof step.send === 'string' ? step.send : JSON.stringify(filled(step.send, bound)));
      } else if ('receive' in step) {
        assert.equal(mismatch(step.receive, await link.next(), bound), undefined);
      } else {
        for (;;) {
          const frame = await link.next();
          const tried = new Map(bound);
          const last = mismatch(step.receive_until, frame, tried);
          if (last === undefined) {
            for (const [key, value] of tried) bound.set(key, value);
            break;
          }
          const each = mismatch(step.each, frame, bound);
          assert.equal(each, undefined, `${each}; nor is it the last: ${last}`);
        }
      }
    }
    link.socket.terminate();
  });
}
