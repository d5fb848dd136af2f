import { RealmClient } from '@realm/client';

const client = new RealmClient();

export async function right(): Promise<void> {
  const { text } = await client.call('summarize', { text: 'A fox ran.', sentences: 1 });
  const whole: string = text;
  for await (const item of client.stream('summarize', { text: whole })) console.log(item.text);
  const spent: bigint = (await client.call('summarize', { text }, { encoding: 'scale' })).cost_usd;
  console.log(spent);
}
