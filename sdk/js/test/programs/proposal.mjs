import { RealmClient } from '@querent/realm';

const client = new RealmClient({
  wsUrl: 'ws://localhost:8080',
  apiKey: 'your-api-key',
  tenantId: 'acme_corp'
});

await client.connect();

const result = await client.call('generate', {
  prompt: 'What is AI?',
  max_tokens: 100,
  temperature: 0.7
});

for await (const token of client.stream('generate', {
  prompt: 'Tell me a story',
  max_tokens: 500
})) {
  process.stdout.write(token.text);
}

client.on('disconnect', () => client.reconnect());

await client.call('chat', { message: 'Hi, my name is Alice' });
await client.call('chat', { message: "What's my name?" });   // "Your name is Alice"

const metadata = await client.call('system_metadata');       // { functions: [...] }
