// The README's programs run.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { RealmNode } from './support.mjs';

// What each one's last line must be.
const PROGRAMS = [
  ['the program of the README', /^(length|stop)$/],
  ['its program for SCALE', /^(Length|Stop) 7n$/],
];

test('there are no others', async () => {
  assert.equal((await programs()).length, PROGRAMS.length);
});

for (const [at, [name, last]] of PROGRAMS.entries()) {
  test(name, { timeout: 60_000 }, async (t) => {
    const node = await RealmNode.start(t);
    // Inside the package, so that it finds itself by its own name.
    const file = fileURLToPath(new URL('.readme.mjs', import.meta.url));
    await writeFile(file, (await programs())[at].replace('ws://127.0.0.1:9944', node.url));
    t.after(() => rm(file));
    const { stdout } = await promisify(execFile)(process.execPath, [file]);
    const lines = stdout.trim().split('\n');
    assert.ok(lines.length > 3, stdout);
    assert.match(lines.at(-1), last);
  });
}

async function programs() {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
  return Array.from(readme.matchAll(/```js\n(.*?)```/gs), ([, program]) => program);
}
