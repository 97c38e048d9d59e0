// The npm oidc-provider with its memory store: a peer to check the checks
// against, and to measure beside. It reads one JSON file,
//   {"clients": [...], "persons": {"id": {"pin": "", "claims": {}}}, "resource": "urn:...",
//    "credentials": {"key": <JWK>, "chain": [<DER in base64>], "offers": {"code": {"person", "tx_code", "scope"}}}}
// prints {"issuer": "..."} when it listens, and ends with its standard input.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';
import { credentialIssuer, credentialScopes } from './issuer.mjs';
import { consentPage, loginPage, logoutPage, readForm, readText } from './pages.mjs';

const config = JSON.parse(readFileSync(process.argv[2], 'utf8'));

const signingKey = (kid, alg, type, options) => ({
  ...generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }), kid, alg, use: 'sig',
});

// Clients that must push their requests follow the security profile.
const followsFAPI = (client) => client?.requirePushedAuthorizationRequests === true;

// jwtAccessTokens makes access tokens signed JWTs, which oidc-provider does
// only for a resource server, and userinfo then refuses them: it is for
// measuring, not for the checks.
const jwtAccessTokens = (resource) => ({
  enabled: resource !== undefined,
  defaultResource: () => resource,
  useGrantedResource: () => true,
  getResourceServerInfo: () => ({
    scope: 'openid', audience: resource, accessTokenFormat: 'jwt', accessTokenTTL: 300, jwt: { sign: { alg: 'ES256' } },
  }),
});

const options = {
  clients: config.clients,
  jwks: { keys: [
    signingKey('es', 'ES256', 'ec', { namedCurve: 'P-256' }),
    signingKey('rs', 'RS256', 'rsa', { modulusLength: 2048 }),
  ] },
  // Requests by POST come from the client's site (OpenID Connect Core, 3.1.2.1).
  enableHttpPostMethods: true,
  cookies: { keys: [randomBytes(32).toString('hex')], long: { sameSite: 'none', signed: true } },
  claims: {
    openid: ['sub'], profile: ['name', 'given_name', 'family_name', 'birthdate'], email: ['email'],
    address: ['address'], phone: ['phone_number'],
    auth_time: null, acr: null, sid: null, iss: null,
  },
  acrValues: ['mosip:idp:acr:static-code'],
  clientDefaults: { id_token_signed_response_alg: 'ES256', token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: undefined },
  enabledJWA: { idTokenSigningAlgValues: ['ES256', 'RS256'], userinfoSigningAlgValues: ['ES256', 'RS256'],
    clientAuthSigningAlgValues: ['ES256', 'PS256', 'RS256'], dPoPSigningAlgValues: ['ES256', 'PS256'] },
  clientAuthMethods: ['private_key_jwt', 'none'],
  pkce: { required: () => true },
  responseTypes: ['code'],
  scopes: ['openid', 'offline_access', 'profile', 'email', 'address', 'phone', 'grant_management_query',
    ...(config.credentials ? credentialScopes : [])],
  subjectTypes: ['public'],
  conformIdTokenClaims: true,
  issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
  rotateRefreshToken: false,
  ttl: {
    AccessToken: 300, AuthorizationCode: 60, ClientCredentials: 300, IdToken: 300, Interaction: 600,
    Session: 3600, Grant: 3600, RefreshToken: 3600, PushedAuthorizationRequest: 60,
  },
  features: {
    devInteractions: { enabled: false },
    claimsParameter: { enabled: true },
    clientCredentials: { enabled: true },
    dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => false },
    fapi: { enabled: true, profile: (_ctx, client) => (followsFAPI(client) ? '2.0' : undefined) },
    introspection: { enabled: true },
    jwtUserinfo: { enabled: true },
    pushedAuthorizationRequests: { enabled: true },
    resourceIndicators: jwtAccessTokens(config.resource),
    revocation: { enabled: true },
    rpInitiatedLogout: { enabled: true, logoutSource: (ctx, form) => { ctx.body = logoutPage(form); } },
  },
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id, ...config.persons[id]?.claims }) }),
};

async function consent(provider, interaction, allowed) {
  if (!allowed) return { error: 'access_denied', error_description: 'the user refused' };
  const { grantId, params, session, prompt: { details } } = interaction;
  const grant = grantId ? await provider.Grant.find(grantId)
    : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  if (details.missingOIDCScope) grant.addOIDCScope(details.missingOIDCScope.join(' '));
  if (details.missingOIDCClaims) grant.addOIDCClaims(details.missingOIDCClaims);
  for (const [resource, scopes] of Object.entries(details.missingResourceScopes ?? {})) {
    grant.addResourceScope(resource, scopes.join(' '));
  }
  return { consent: { grantId: await grant.save() } };
}

function logIn(form, send) {
  const person = config.persons[form.get('individual_id')];
  if (person?.pin !== form.get('pin')) {
    send(422, loginPage('the two do not match'));
    return undefined;
  }
  return { login: { accountId: form.get('individual_id'), acr: 'mosip:idp:acr:static-code', amr: ['pin'] } };
}

async function interact(provider, request, response) {
  const send = (status, body) => response.writeHead(status, { 'content-type': 'text/html; charset=utf-8' }).end(body);
  const interaction = await provider.interactionDetails(request, response);
  const asksLogin = interaction.prompt.name === 'login';
  if (request.method === 'GET') return send(200, asksLogin ? loginPage('') : consentPage(interaction));
  const form = await readForm(request);
  const result = asksLogin ? logIn(form, send) : await consent(provider, interaction, form.get('decision') === 'allow');
  if (result === undefined) return undefined;
  return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
}

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, options);
  provider.on('server_error', (_ctx, problem) => console.error(problem));
  const answer = provider.callback();
  const issue = config.credentials && credentialIssuer(provider, issuer, { ...config.credentials, persons: config.persons });
  const issues = /^\/(vci|status-lists|\.well-known\/openid-credential-issuer)/;
  server.on('request', (request, response) => {
    if (issue && issues.test(request.url)) return issue(request, response, readText);
    if (!request.url.startsWith('/interaction/')) return answer(request, response);
    return interact(provider, request, response).catch((problem) => {
      response.writeHead(problem.status ?? 500, { 'content-type': 'text/plain' }).end(problem.message);
    });
  });
  console.log(JSON.stringify({ issuer }));
});
process.stdin.on('end', () => process.exit(0)).resume();
