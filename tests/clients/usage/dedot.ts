// What `dedot chaintypes` makes of the node's metadata: compiled, never run.
import { DedotClient, WsProvider } from 'dedot';
import type { RealmApi, RealmPrimitivesGenerateGenerateOptions } from '../.generated/dedot/realm/index.js';

export async function generate(url: string): Promise<number> {
  const client = await DedotClient.new<RealmApi>({ provider: new WsProvider(url) });
  const options: RealmPrimitivesGenerateGenerateOptions = { maxTokens: 8, temperature: 700, stop: ['\n'], seed: 1n };
  const made = await client.call.realmApi.generate('Once upon a time', options);
  // @ts-expect-error a misspelt field is refused
  await client.call.realmApi.generate('Once upon a time', { maxTokns: 8 });
  const health = await client.call.realmApi.healthCheck();
  if (!made.isOk || !health.isOk) throw new Error('refused');
  return made.value.tokensGenerated + health.value.specVersion;
}
