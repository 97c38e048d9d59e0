// openid-client, a certified relying-party library, completes its flows against
// a running issuer. Settings come from the environment: ISSUER, CLIENT_ID,
// CLIENT_JWK (file), REDIRECT_URI, POST_LOGOUT_REDIRECT_URI, INDIVIDUAL_ID, PIN,
// SCOPE; SIGNED_CLIENT_ID for a client with signed userinfo and the same key;
// NODE_EXTRA_CA_CERTS for the issuer's certificate.
import { readFileSync } from 'node:fs';
import { importJWK } from 'jose';
import * as client from 'openid-client';
import { Visitor } from './pages.mjs';
import { end, expect, flow, refused, setting, step } from './steps.mjs';

const issuer = new URL(setting('ISSUER'));
const redirectURI = setting('REDIRECT_URI');
const person = { individualId: setting('INDIVIDUAL_ID'), pin: setting('PIN') };
const scope = setting('SCOPE', 'openid profile email');
const jwk = JSON.parse(readFileSync(setting('CLIENT_JWK'), 'utf8'));

async function discover(clientId) {
  const key = { key: await importJWK(jwk, 'ES256'), kid: jwk.kid };
  // The library refuses plain HTTP; only a peer on loopback speaks it.
  const execute = issuer.protocol === 'http:' ? [client.allowInsecureRequests] : [];
  return client.discovery(issuer, clientId, { id_token_signed_response_alg: 'ES256' }, client.PrivateKeyJwt(key), { execute });
}

// logIn goes through the pages and redeems the code. The library checks state,
// iss, nonce, the ID token and at_hash.
async function logIn(config, { DPoP, pushed, visitor = new Visitor(redirectURI), more = {} }) {
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const [state, nonce] = [client.randomState(), client.randomNonce()];
  const parameters = {
    redirect_uri: redirectURI, scope, state, nonce, ...more,
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier), code_challenge_method: 'S256',
  };
  const url = pushed ? await client.buildAuthorizationUrlWithPAR(config, parameters, { DPoP })
    : client.buildAuthorizationUrl(config, parameters);
  const callback = await visitor.visit(url, person);
  return client.authorizationCodeGrant(config, callback,
    { pkceCodeVerifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true }, undefined, { DPoP });
}

const config = await discover(setting('CLIENT_ID')).catch((problem) => problem);
await flow(() => step('discovery', async () => {
  if (config instanceof Error) throw config;
  expect(config.serverMetadata().supportsPKCE('S256'), 'S256 is not offered');
}));

await flow(async () => {
  const visitor = new Visitor(redirectURI);
  const tokens = await step('login with PKCE and private_key_jwt', () => logIn(config, { visitor }));
  const subject = tokens.claims().sub;
  await step('userinfo', async () => {
    const claims = await client.fetchUserInfo(config, tokens.access_token, subject);
    expect(claims.name !== undefined, 'userinfo has no name');
  });
  await step('silent login', () => logIn(config, { visitor, more: { prompt: 'none' } }));
  await step('introspection of an access token', async () => {
    const status = await client.tokenIntrospection(config, tokens.access_token);
    expect(status.active && status.sub === subject, `introspection says ${JSON.stringify(status)}`);
  });
  const second = await step('refresh', () => client.refreshTokenGrant(config, tokens.refresh_token));
  const third = await step('refresh again', () => client.refreshTokenGrant(config, second.refresh_token ?? tokens.refresh_token));
  await step('refresh with the previous token inside the grace', () => client.refreshTokenGrant(config, second.refresh_token ?? tokens.refresh_token));
  const newest = third.refresh_token ?? second.refresh_token ?? tokens.refresh_token;
  await step('revocation', () => client.tokenRevocation(config, newest));
  await step('refresh after revocation is refused', () => refused(() => client.refreshTokenGrant(config, newest), 'invalid_grant'));
  await step('RP-initiated logout', async () => {
    const home = setting('POST_LOGOUT_REDIRECT_URI');
    const url = client.buildEndSessionUrl(config, { id_token_hint: tokens.id_token, post_logout_redirect_uri: home, state: 'bye' });
    const back = await logOut(visitor, url, home);
    expect(back.searchParams.get('state') === 'bye', 'the state did not come back');
  });
  await step('silent login after logout is refused', () => refused(() => logIn(config, { visitor, more: { prompt: 'none' } }), 'login_required'));
});

async function logOut(visitor, url, home) {
  visitor.home = home;
  const back = await visitor.visit(url, person);
  visitor.home = redirectURI;
  return back;
}

await flow(async () => {
  const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'));
  const tokens = await step('login with PAR and DPoP', () => logIn(config, { DPoP, pushed: true }));
  expect(tokens.token_type === 'dpop', `token_type is ${tokens.token_type}`);
  const subject = tokens.claims().sub;
  await step('userinfo with a proof', () => client.fetchUserInfo(config, tokens.access_token, subject, { DPoP }));
  await step('refresh with a proof', () => client.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP }));
});

await flow(async () => {
  await step('client credentials', () => client.clientCredentialsGrant(config, { scope: setting('SERVICE_SCOPE', 'grant_management_query') }));
});

await flow(async () => {
  const signed = await discover(setting('SIGNED_CLIENT_ID'));
  signed.clientMetadata().userinfo_signed_response_alg = 'ES256';
  const tokens = await step('login of a client with signed userinfo', () => logIn(signed, {}));
  await step('signed userinfo', () => client.fetchUserInfo(signed, tokens.access_token, tokens.claims().sub));
});

end();
