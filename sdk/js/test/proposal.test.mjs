// The program of the original proposal runs as it stands, apart from the package's name, the address and the key.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { keyed } from './support.mjs';

/** Goes after the program: says what it got, and ends it. */
const AFTER = `
const again = await client.call('chat', { message: 'What is my name?', temperature: 0 });
console.log('\\n' + JSON.stringify({ result, metadata, again }));
client.close();
`;

test("the proposal's program", { timeout: 120_000 }, async (t) => {
  const { node, keyOf } = await keyed(t);
  let program = await readFile(new URL('programs/proposal.mjs', import.meta.url), 'utf8');
  const replaced = [
    ["'@querent/realm'", "'@realm/client'"],
    ["'ws://localhost:8080'", `'${node.url}'`],
    ["'your-api-key'", `'${keyOf('acme_corp')}'`],
  ];
  for (const [old, now] of replaced) {
    assert.equal(program.split(old).length, 2, old);
    program = program.replace(old, now);
  }
  // Inside the package, so that it finds itself by its own name.
  const file = fileURLToPath(new URL('.proposal.mjs', import.meta.url));
  await writeFile(file, program + AFTER);
  t.after(() => rm(file));
  const { stdout } = await promisify(execFile)(process.execPath, [file]);
  const [, story, last] = /^(.*)\n(.*)\n$/s.exec(stdout);
  const { result, metadata, again } = JSON.parse(last);
  assert.ok(story.length > 0 && result.text.length > 0 && result.tokens_generated > 0, stdout);
  assert.ok(metadata.functions.some(({ name }) => name === 'generate'), stdout);
  // The two calls of `chat` were turns of one conversation, in which the name was said.
  assert.equal(again.turns, 3);
  assert.match(again.text, /Alice/);
});
