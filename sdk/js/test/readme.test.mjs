// The README's program runs.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { RealmNode } from './support.mjs';

test('the program of the README', { timeout: 60_000 }, async (t) => {
  const node = await RealmNode.start(t);
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
  const [, program] = /```js\n(.*?)```/s.exec(readme);
  // Inside the package, so that it finds itself by its own name.
  const file = fileURLToPath(new URL('.readme.mjs', import.meta.url));
  await writeFile(file, program.replace('ws://127.0.0.1:9944', node.url));
  t.after(() => rm(file));
  const { stdout } = await promisify(execFile)(process.execPath, [file]);
  const lines = stdout.trim().split('\n');
  assert.ok(lines.length > 3, stdout);
  assert.ok(['length', 'stop'].includes(lines.at(-1)), stdout);
});
