// Types made out of the node's metadata by each client's own generator: @polkadot/typegen, `papi add` and
// `dedot chaintypes`. What they make, and programs in usage/ that name the fields of GenerateOptions, compile.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { RealmNode } from './support/node.mjs';
import { HANG_MS } from './support/until.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const GENERATED = join(HERE, '.generated');
const run = promisify(execFile);

/** Runs a package's program in a folder; what it says is the failure's text. */
async function generate(folder, program, args, { tsx = false, env = {} } = {}) {
  const command = [...(tsx ? ['--import', 'tsx'] : []), join(HERE, 'node_modules/.bin', program), ...args];
  try {
    await run(process.execPath, command, { cwd: folder, timeout: HANG_MS, env: { ...process.env, ...env } });
  } catch (error) {
    assert.fail(`${program} ended with ${error.code}:\n${error.stdout}\n${error.stderr}`);
  }
}

async function fresh(name, files = {}) {
  const folder = join(GENERATED, name);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const [file, text] of Object.entries(files)) await writeFile(join(folder, file), text);
  return folder;
}

async function names(file, fields) {
  const text = await readFile(join(GENERATED, file), 'utf8');
  for (const field of fields) assert.ok(text.includes(field), `${file} does not name ${field}`);
}

const CAMEL = ['maxTokens', 'temperature', 'topK', 'topP', 'minP', 'repetitionPenalty', 'seed', 'stop', 'logprobs', 'speculation'];
const SNAKE = ['max_tokens', 'temperature', 'top_k', 'top_p', 'min_p', 'repetition_penalty', 'seed', 'stop', 'logprobs', 'speculation'];

test('generated types name the fields of GenerateOptions, and compile', async (t) => {
  const node = await RealmNode.start(t);
  const endpoint = ['--endpoint', node.url];

  // As typegen's documentation has it: definitions of one's own (here none), then the chain's.
  await fresh('polkadot-js', { 'definitions.ts': 'export {};\n' });
  const typegen = (program, where) => generate(GENERATED, program, ['--package', 'realm', where, 'polkadot-js', ...endpoint], { tsx: true });
  await typegen('polkadot-types-from-defs', '--input');
  await typegen('polkadot-types-from-chain', '--output');
  await names('polkadot-js/types-lookup.ts', CAMEL);

  // Its CLI wants a global WebSocket, and installs what it made into the package that it is run in.
  const papi = await fresh('papi', { 'package.json': '{ "private": true, "type": "module" }\n' });
  const env = { NODE_OPTIONS: '--experimental-websocket', npm_config_legacy_peer_deps: 'true' };
  await generate(papi, 'papi', ['add', 'realm', '--wsUrl', node.url], { env });
  await names('papi/.papi/descriptors/dist/common-types.d.ts', SNAKE);

  await fresh('dedot');
  await generate(GENERATED, 'dedot', ['chaintypes', '--wsUrl', node.url, '--output', 'dedot', '--chain', 'realm']);
  await names('dedot/realm/types.d.ts', CAMEL);

  await generate(HERE, 'tsc', ['--project', HERE]);
});
