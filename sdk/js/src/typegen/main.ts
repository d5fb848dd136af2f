#!/usr/bin/env node
// realm-typegen: writes the types of a node's functions.

import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { RealmClient } from '../index.js';
import { write } from './write.js';

const USAGE = 'usage: realm-typegen ws://127.0.0.1:9944 -o realm.d.ts    (the key, if one is needed: REALM_API_KEY)';

async function main(): Promise<number> {
  let parsed;
  try {
    parsed = parseArgs({ options: { output: { type: 'string', short: 'o' } }, allowPositionals: true });
  } catch (error) {
    console.error(`${(error as Error).message}\n${USAGE}`);
    return 2;
  }
  const [wsUrl, ...more] = parsed.positionals;
  if (wsUrl === undefined || more.length > 0) {
    console.error(USAGE);
    return 2;
  }
  const apiKey = process.env.REALM_API_KEY;
  const client = new RealmClient({ wsUrl, ...(apiKey && { apiKey }) });
  try {
    await client.connect();
    const text = write(await client.runtime());
    if (parsed.values.output === undefined) process.stdout.write(text);
    else await writeFile(parsed.values.output, text);
    return 0;
  } catch (error) {
    console.error(`realm-typegen: ${(error as Error).message}`);
    return 1;
  } finally {
    client.close();
  }
}

process.exitCode = await main();
