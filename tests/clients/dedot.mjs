// dedot, unmodified, over both of its families of methods: typed calls, a hot swap without
// reconnecting, the new function.
import { DedotClient, LegacyClient, WsProvider } from 'dedot';
import { PROMPT, TEXT, check, commandLine, rollBack, until, upgrade } from './common.mjs';

const { url, blob } = commandLine();
const families = [
  ['chainHead', (provider) => DedotClient.new({ provider, rpcVersion: 'v2' })],
  ['legacy', (provider) => LegacyClient.new({ provider })],
];
for (const [name, create] of families) {
  const provider = new WsProvider(url);
  let connections = 0;
  provider.on('connected', () => (connections += 1));
  const client = await create(provider);
  const health = await client.call.realmApi.healthCheck();
  check(`${name}: health_check answers`, health.isOk && health.value.specVersion === 1, health);
  const info = await client.call.realmApi.getModelInfo();
  check(`${name}: get_model_info answers`, info.isOk && info.value.contextLength > 0, info);
  const made = await client.call.realmApi.generate(PROMPT, { maxTokens: 8, temperature: 0 });
  check(`${name}: generate answers`, made.isOk && made.value.tokensGenerated > 0, made);
  await upgrade(url, blob);
  await until(`${name}: the new function answers`, async () => {
    try {
      const summary = await client.call.summaryApi.summarize(TEXT, 1);
      return summary.isOk && summary.value.tokensGenerated > 0;
    } catch {
      return false;
    }
  });
  check(`${name}: it never reconnected`, connections <= 1, connections);
  await rollBack(url);
  await client.disconnect();
}
process.exit(0);
