// What realm-typegen writes makes the compiler know a runtime's functions.
import { RealmClient } from '@realm/client';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { blob, connect, RealmNode } from './support.mjs';

const run = promisify(execFile);
const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.join(here, '..');
const TYPEGEN = path.join(root, 'dist/typegen/main.js');
const TSC = [path.join(root, 'node_modules/typescript/bin/tsc'), '--noEmit', '--strict', '--target', 'es2022', '--module', 'nodenext', '--types', 'node'];

/** A folder inside the package, so that what is compiled there finds the package by its own name. */
async function workshop(t) {
  const folder = await mkdtemp(path.join(here, '.types-'));
  t.after(() => rm(folder, { recursive: true }));
  const inside = (name) => path.join(folder, name);
  return {
    /** Writes the types of the node's runtime as it is now. */
    generate: async (node, name) => {
      await run(process.execPath, [TYPEGEN, node.url, '-o', inside(name)]);
      return readFile(inside(name), 'utf8');
    },
    /** What the compiler says of a program with these types; nothing, if all is well. */
    compile: async (source, types, program) => {
      await writeFile(inside(program), source);
      return run(process.execPath, [...TSC, inside(types), inside(program)]).then(() => '', ({ stdout }) => stdout);
    },
  };
}

const program = (name) => readFile(path.join(here, 'types', name), 'utf8');

test('right programs compile and wrong ones do not', { timeout: 600_000 }, async (t) => {
  const node = await RealmNode.start(t);
  const { generate, compile } = await workshop(t);
  await generate(node, 'realm.d.ts');
  const source = await program('programs.ts');
  // Every wrong line is marked @ts-expect-error, which is an error itself where there is nothing wrong.
  assert.equal(await compile(source, 'realm.d.ts', 'programs.ts'), '');
  const failed = await compile(source.replaceAll('// @ts-expect-error', '//'), 'realm.d.ts', 'wrong.ts');
  const wrong = source.match(/@ts-expect-error/g).length;
  assert.equal(failed.match(/error TS/g).length, wrong, failed);
});

test('types are those of the runtime in force, with what it says of them', { timeout: 600_000 }, async (t) => {
  const node = await RealmNode.start(t);
  const client = await connect(t, RealmClient, { wsUrl: node.url });
  const { generate, compile } = await workshop(t);
  const [source, before] = [await program('summarize.ts'), await generate(node, 'before.d.ts')];
  assert.match(await compile(source, 'before.d.ts', 'summarize.ts'), /error TS/);
  await client.request('realm_upgradeRuntime', [await blob()]);
  const after = await generate(node, 'after.d.ts');
  assert.equal(await compile(source, 'after.d.ts', 'summarize.ts'), '');
  assert.doesNotMatch(before, /summarize/);
  // What is said of a function, of a type and of a field, and of the number that only SCALE shows as an integer.
  for (const said of ['/** Continues a prompt. */', '/** A text in so many sentences', '/** Money in billionths', '/** A non-negative decimal in thousandths']) {
    assert.ok(after.includes(said), `${said}\n${after}`);
  }
  assert.match(after, /\/\*\*[^*]*\*\/\n  max_tokens\?: number \| null;/);
  assert.match(after, /\/\*\*[^*]*\*\/\n    seed\?: bigint \| undefined;/);
});

test('a node that is not there is said in a line', async () => {
  const failed = await run(process.execPath, [TYPEGEN, 'ws://127.0.0.1:1']).catch((error) => error);
  assert.equal(failed.code, 1);
  assert.match(failed.stderr, /^realm-typegen: cannot connect to ws:\/\/127\.0\.0\.1:1.*\n$/);
});
