// What realm-typegen writes makes the compiler know a runtime's functions.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { RealmNode } from './support.mjs';

const run = promisify(execFile);
const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.join(here, '..');

test('right programs compile and wrong ones do not', { timeout: 600_000 }, async (t) => {
  const node = await RealmNode.start(t);
  // Inside the package, so that it finds itself by its own name.
  const folder = await mkdtemp(path.join(here, '.types-'));
  t.after(() => rm(folder, { recursive: true }));
  await run(process.execPath, [path.join(root, 'dist/typegen/main.js'), node.url, '-o', path.join(folder, 'realm.d.ts')]);
  const source = await readFile(path.join(here, 'types', 'programs.ts'), 'utf8');
  await writeFile(path.join(folder, 'programs.ts'), `/// <reference path="./realm.d.ts" />\n${source}`);
  const options = ['--noEmit', '--strict', '--target', 'es2022', '--module', 'nodenext', '--types', 'node'];
  const tsc = path.join(root, 'node_modules/typescript/bin/tsc');
  // Every wrong line is marked @ts-expect-error, which is an error itself where there is nothing wrong.
  await run(process.execPath, [tsc, ...options, path.join(folder, 'programs.ts')]).catch(({ stdout }) => assert.fail(stdout));
  await writeFile(path.join(folder, 'wrong.ts'), source.replaceAll('// @ts-expect-error', '//'));
  const failed = await run(process.execPath, [tsc, ...options, path.join(folder, 'realm.d.ts'), path.join(folder, 'wrong.ts')]).catch((error) => error);
  const wrong = source.match(/@ts-expect-error/g).length;
  assert.equal(failed.stdout.match(/error TS/g).length, wrong, failed.stdout);
});

test('a node that is not there is said in a line', async () => {
  const failed = await run(process.execPath, [path.join(root, 'dist/typegen/main.js'), 'ws://127.0.0.1:1']).catch((error) => error);
  assert.equal(failed.code, 1);
  assert.match(failed.stderr, /^realm-typegen: cannot connect to ws:\/\/127\.0\.0\.1:1.*\n$/);
});
