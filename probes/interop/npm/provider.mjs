// The npm oidc-provider as its quick start has it: memory store, the login and
// consent pages that it brings along for development, any name and password. It
// reads one JSON file,
//   {"client": {...}, "issuer": "https://...", "skew": SECONDS}
// prints {"address": "127.0.0.1:PORT"} when it listens there in the clear, and
// ends with its standard input. The issuer is what stands in front of it; skew
// is how far its clock is ahead.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const { client, issuer, skew = 0 } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const right = Date.now;
Date.now = () => right() + skew * 1000;

const provider = new Provider(issuer, {
  clients: [client],
  scopes: ['openid', 'offline_access', 'profile'],
  claims: { openid: ['sub'], profile: ['name'], auth_time: null },
  features: {
    dPoP: { enabled: true },
    introspection: { enabled: true },
    revocation: { enabled: true },
  },
});
provider.proxy = true;
provider.on('server_error', (_ctx, problem) => console.error(problem));
const server = createServer(provider.callback());
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ address: `127.0.0.1:${server.address().port}` })));
process.stdin.on('end', () => process.exit(0)).resume();
