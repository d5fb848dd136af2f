import { RealmClient } from '@realm/client';

const client = new RealmClient({ wsUrl: 'ws://127.0.0.1:9944' });

export async function right(): Promise<void> {
  const { text, finish_reason } = await client.call('generate', { prompt: 'Hi', max_tokens: 1, options: { temperature: 0 } });
  const reason: 'stop' | 'length' | string = finish_reason as string;
  const vector: number[] = await client.call('embed', { text: text + reason });
  for await (const token of client.stream('generate', { prompt: 'Hi' })) {
    const [a, b]: [string, string] = [token.text, token.token];
    console.log(a, b, vector);
  }
  const healthy: boolean = (await client.call('health_check')).healthy;
  const answer: string = (await client.call('chat', { messages: [{ role: 'user', content: 'Hi' }] })).text;
  console.log(healthy, answer);
}

export async function rightInScale(): Promise<void> {
  const made = await client.call('generate', { prompt: 'Hi', temperature: 700, seed: 1n }, { encoding: 'scale' });
  const [reason, seed, cost]: ['Stop' | 'Length' | string, bigint, bigint] = [made.finish_reason.type, made.seed, made.cost_usd];
  const bits: number[] = await client.call('embed', { text: 'Hi' }, { encoding: 'scale' });
  for await (const token of client.stream('generate', { prompt: 'Hi' }, { encoding: 'scale' })) console.log(token.text);
  await client.call('chat', { message: 'Hi', when_full: { type: 'DropOldest' } }, { encoding: 'scale' });
  const other = new RealmClient({ encoding: 'scale' });
  const count: bigint = (await other.call('get_model_info')).parameter_count;
  const sum: number | string = (await other.call('get_model_info', {}, { encoding: 'json' })).parameter_count;
  const { hash, functions } = await other.runtime();
  console.log(reason, seed, cost, bits, count, sum, hash, functions[0]?.params[0]?.type);
}

export async function wrong(): Promise<void> {
  // @ts-expect-error
  await client.call('generate', { prompt: 'Hi', max_tokns: 1 });
  // @ts-expect-error
  await client.call('generate', { max_tokens: 1 });
  // @ts-expect-error
  await client.call('generate', { prompt: 5 });
  // @ts-expect-error
  await client.call('generat', { prompt: 'Hi' });
  // @ts-expect-error
  await client.call('generate');
  // @ts-expect-error
  await client.call('health_check', { verbose: true });
  // @ts-expect-error
  const text: number = (await client.call('generate', { prompt: 'Hi' })).text;
  // @ts-expect-error
  for await (const token of client.stream('generate', { prompt: 'Hi' })) console.log(token.txt, text);
  // @ts-expect-error
  await client.call('generate', { prompt: 'Hi', seed: 1 }, { encoding: 'scale' });
  // @ts-expect-error
  await client.call('generate', { prompt: 'Hi', seed: 1n });
  // @ts-expect-error
  await client.call('generate', { prompt: 'Hi', max_tokns: 1 }, { encoding: 'scale' });
  // @ts-expect-error
  await client.call('generate', { prompt: 'Hi' }, { encoding: 'xml' });
  // @ts-expect-error
  const spent: number = (await client.call('generate', { prompt: 'Hi' }, { encoding: 'scale' })).cost_usd;
  // @ts-expect-error
  await client.call('summarize', { text: `Hi ${spent}` });
}
