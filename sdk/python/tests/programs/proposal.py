from realm import RealmClient

client = RealmClient(
    ws_url='ws://localhost:8080',
    api_key='your-api-key',
    tenant_id='acme_corp'
)

client.connect()

result = client.call('generate', {
    'prompt': 'What is AI?',
    'max_tokens': 100
})

for token in client.stream('generate', prompt='Story', max_tokens=500):
    print(token.text, end='', flush=True)
