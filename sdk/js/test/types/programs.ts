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
  const text: number = (await client.call('generate', { prompt: 'Hi' })).text;
  // @ts-expect-error
  for await (const token of client.stream('generate', { prompt: 'Hi' })) console.log(token.txt, text);
}
