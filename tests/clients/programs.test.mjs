// Clients that are not written in JavaScript, each as a program that takes the node's URL: it calls, says READY,
// and goes on until it has called the function of the runtime that is then put in force. SUBXT and PYTHON name
// what runs them; tests/suites/stock-clients.sh sets both.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { RealmNode } from './support/node.mjs';
import { HANG_MS } from './support/until.mjs';

const PROGRAMS = {
  'subxt': () => [process.env.SUBXT],
  'async-substrate-interface': () => [process.env.PYTHON, 'substrate.py'],
};

for (const [name, command] of Object.entries(PROGRAMS)) {
  test(`${name} calls, follows a swap and calls the new function`, async (t) => {
    const [program, ...args] = command();
    assert.ok(program, 'SUBXT and PYTHON are set by tests/suites/stock-clients.sh');
    const node = await RealmNode.start(t);
    const child = spawn(program, [...args, node.url], { stdio: ['ignore', 'pipe', 'pipe'], timeout: HANG_MS });
    const said = [];
    const ended = once(child, 'close');
    createInterface(child.stderr).on('line', (line) => said.push(line));
    createInterface(child.stdout).on('line', (line) => {
      said.push(line);
      // An upgrade that fails shows in the program, which waits in vain; its reason shows here.
      if (line === 'READY') node.upgrade().catch((error) => said.push(String(error)));
    });
    const [code] = await ended;
    assert.equal(code, 0, said.join('\n'));
    assert.equal(said.at(-1), 'DONE', said.join('\n'));
  });
}
