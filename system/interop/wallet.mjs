// An OpenID4VCI wallet library fetches credentials from a running issuer, and
// the libraries of each format verify them. Settings come from the environment:
// ISSUER, CLIENT_ID, CLIENT_JWK (file; without it the client is public),
// REDIRECT_URI, INDIVIDUAL_ID, PIN, OFFER and TX_CODE (an offer with a
// pre-authorized code), CONFIGURATIONS (those to fetch by logging in),
// TRUST_ANCHOR (PEM file of the certificate that credentials lead to),
// NODE_EXTRA_CA_CERTS for the issuer's TLS.
import { generateKeyPairSync, randomUUID, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { calculateJwkThumbprint, clientAuthenticationNone, setGlobalConfig } from '@openid4vc/oauth2';
import { Openid4vciClient, Openid4vciVersion } from '@openid4vc/openid4vci';
import { Holder, IssuerSigned } from '@owf/mdoc';
import { getListFromStatusListJWT } from '@sd-jwt/jwt-status-list';
import { SDJwtVcInstance } from '@sd-jwt/sd-jwt-vc';
import { decodeJwt, decodeProtectedHeader, importJWK, SignJWT } from 'jose';
import { callbacks, certificateKey, checkChain, jwtVerifies, mdocContext, publicPart, sdJwt } from './crypto.mjs';
import { Visitor } from './pages.mjs';
import { end, expect, flow, refused, setting, step } from './steps.mjs';

const issuer = setting('ISSUER');
const clientId = setting('CLIENT_ID');
const redirectUri = setting('REDIRECT_URI');
const person = { individualId: setting('INDIVIDUAL_ID'), pin: setting('PIN') };
const anchors = process.env.TRUST_ANCHOR ? [new X509Certificate(readFileSync(process.env.TRUST_ANCHOR)).raw] : [];
// The library refuses plain HTTP; only a peer on loopback speaks it.
setGlobalConfig({ allowInsecureUrls: issuer.startsWith('http:') });

const keys = [];
function newKey() {
  keys.push({ ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' }) });
  return keys.at(-1);
}
const signerOf = (key) => ({ method: 'jwk', alg: 'ES256', publicJwk: publicPart(key) });

// privateKeyJWT is RFC 7523 for the library, which brings only other methods.
function privateKeyJWT(key) {
  return async ({ body, authorizationServerMetadata }) => {
    const assertion = await new SignJWT({ iss: clientId, sub: clientId, aud: authorizationServerMetadata.issuer, jti: randomUUID() })
      .setProtectedHeader({ alg: 'ES256', kid: key.kid }).setIssuedAt().setExpirationTime('1m').sign(await importJWK(key, 'ES256'));
    Object.assign(body, { client_id: clientId, client_assertion: assertion, client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer' });
  };
}

const clientAuthentication = process.env.CLIENT_JWK
  ? privateKeyJWT(JSON.parse(readFileSync(process.env.CLIENT_JWK, 'utf8'))) : clientAuthenticationNone({ clientId });

// The library's check of deferred responses is the wrong way round: it refuses
// a notification_id beside credentials, where OpenID4VCI 9.2 has it. So it gets
// these responses without, and the wallet keeps the id.
let deferredNotification;
async function fetchForLibrary(url, init) {
  const response = await fetch(url, init);
  if (!String(init?.body ?? '').startsWith('{"transaction_id"') || response.status !== 200) return response;
  const { notification_id: id, ...rest } = await response.json();
  deferredNotification = id;
  return new Response(JSON.stringify(rest), { status: response.status, headers: response.headers });
}

const wallet = new Openid4vciClient({ callbacks: { ...callbacks(() => keys), clientAuthentication, fetch: fetchForLibrary } });
const dpop = { signer: signerOf(newKey()) };

// fetchCredentials proves the possession of count new keys.
async function fetchCredentials({ issuerMetadata, accessToken, bound, credentialConfigurationId, count = 1, spoil = (nonce) => nonce }) {
  const { c_nonce: nonce } = await wallet.requestNonce({ issuerMetadata });
  const holders = Array.from({ length: count }, newKey);
  const jwt = await Promise.all(holders.map(async (key) => (await wallet.createCredentialRequestJwtProof({
    issuerMetadata, credentialConfigurationId, signer: signerOf(key), nonce: spoil(nonce), issuedAt: new Date(), clientId: bound.clientId,
  })).jwt));
  const response = await wallet.retrieveCredentials({ issuerMetadata, accessToken, dpop: bound.dpop, credentialConfigurationId, proofs: { jwt } });
  return { response: await awaited(response, { issuerMetadata, accessToken, bound }), holders };
}

// awaited asks again for what the issuer has not made yet.
async function awaited(response, { issuerMetadata, accessToken, bound }) {
  let answer = response.credentialResponse;
  for (let tries = 0; answer.transaction_id !== undefined && !answer.credentials && tries < 10; tries += 1) {
    await new Promise((resolve) => { setTimeout(resolve, (answer.interval ?? 1) * 1000); });
    const deferred = await wallet.retrieveDeferredCredentials({ issuerMetadata, accessToken, dpop: bound.dpop, transactionId: answer.transaction_id });
    answer = { ...deferred.deferredCredentialResponse, notification_id: deferredNotification };
  }
  return answer;
}

// issuerKeyOf finds the key of a JWT by its certificate chain.
function issuerKeyOf(header) {
  expect(header.x5c?.length > 0, 'there is no x5c in the header');
  if (anchors.length > 0) checkChain(header.x5c.map((der) => Buffer.from(der, 'base64')), anchors);
  return certificateKey(header.x5c[0]);
}

// fetchPatiently tries again as long as it is told to.
async function fetchPatiently(uri, options) {
  let response = await fetch(uri, options);
  for (let tries = 0; response.status === 503 && response.headers.has('retry-after') && tries < 10; tries += 1) {
    await new Promise((resolve) => { setTimeout(resolve, Number(response.headers.get('retry-after')) * 1000); });
    response = await fetch(uri, options);
  }
  return response;
}

async function statusKeyOf(uri) {
  const response = await fetchPatiently(uri, { headers: { accept: 'application/statuslist+jwt' } });
  const list = await response.text();
  expect(response.status === 200, `status list: ${response.status} ${list.slice(0, 200)}`);
  const header = decodeProtectedHeader(list);
  expect(header.typ === 'statuslist+jwt', `status list has typ ${header.typ}`);
  expect(decodeJwt(list).sub === uri, 'status list is about another address');
  const jwk = issuerKeyOf(header);
  expect(await jwtVerifies(list, jwk, header.alg), 'status list is signed by somebody else');
  return { jwk, list: getListFromStatusListJWT(list) };
}

const sameKey = async (a, b) => {
  const thumbprint = (jwk) => calculateJwkThumbprint({ jwk, hashAlgorithm: 'sha-256', hashCallback: callbacks(() => keys).hash });
  return await thumbprint(a) === await thumbprint(publicPart(b));
};

async function verifySDJWT(configuration, credential, holder) {
  const header = decodeProtectedHeader(credential.split('~')[0]);
  expect(header.typ === 'dc+sd-jwt', `typ is ${header.typ}`);
  const { uri, idx } = decodeJwt(credential.split('~')[0]).status.status_list;
  const { jwk: statusKey, list } = await statusKeyOf(uri);
  const vc = new SDJwtVcInstance(sdJwt({ issuerKey: issuerKeyOf(header), statusKey }));
  const { payload } = await vc.verify(credential);
  expect(payload.vct === configuration.vct, `vct is ${payload.vct}`);
  expect(list.getStatus(idx) === 0, `status ${idx} is ${list.getStatus(idx)}`);
  expect(payload.given_name !== undefined, 'no given_name after all disclosures');
  expect(await sameKey(payload.cnf.jwk, holder), 'bound to another key');
}

async function verifyMdoc(configuration, credential, holder) {
  await Holder.verifyIssuerSigned({ issuerSigned: credential, trustedCertificates: anchors, disableCertificateChainValidation: anchors.length === 0 }, mdocContext);
  const { mobileSecurityObject } = IssuerSigned.fromEncodedForOid4Vci(credential).issuerAuth;
  expect(mobileSecurityObject.docType === configuration.doctype, `docType is ${mobileSecurityObject.docType}`);
  expect(await sameKey(mobileSecurityObject.deviceKeyInfo.deviceKey.jwk, holder), 'bound to another key');
}

async function verifyJWTVC(configuration, credential, holder) {
  const header = decodeProtectedHeader(credential);
  expect(await jwtVerifies(credential, issuerKeyOf(header), header.alg), 'signed by somebody else');
  const claims = decodeJwt(credential);
  const types = claims.vc?.type ?? claims.type;
  expect(configuration.credential_definition.type.every((type) => types.includes(type)), `type is ${types}`);
  const jwk = claims.cnf?.jwk;
  expect(jwk === undefined || await sameKey(jwk, holder), 'bound to another key');
}

const verifiers = { 'dc+sd-jwt': verifySDJWT, mso_mdoc: verifyMdoc, jwt_vc_json: verifyJWTVC };

async function fetchAndVerify(access, credentialConfigurationId, count = 1) {
  const { issuerMetadata, how } = access;
  const configuration = issuerMetadata.credentialIssuer.credential_configurations_supported[credentialConfigurationId];
  const name = `${credentialConfigurationId} (${configuration.format})${count > 1 ? ` ×${count}` : ''}`;
  const { response, holders } = await step(`fetch ${name} ${how}`, () => fetchCredentials({ ...access, credentialConfigurationId, count }));
  await step(`verify ${name} ${how}`, async () => {
    expect(response.credentials?.length === count, `${response.credentials?.length} credentials`);
    const bound = response.credentials.map(({ credential }, i) => verifiers[configuration.format](configuration, credential, holders[i]));
    await Promise.all(bound);
  });
  if (response.notification_id === undefined) return;
  await step(`notify ${name} ${how}`, () => wallet.sendNotification({
    issuerMetadata, accessToken: access.accessToken, dpop: access.bound.dpop,
    notification: { notificationId: response.notification_id, event: 'credential_accepted' },
  }));
}

// accessOf gathers what a token response allows. Proofs name the client as iss
// unless it came with a pre-authorized code.
const accessOf = (issuerMetadata, response, boundTo) => ({
  how: boundTo ? 'after a login' : 'by an offer', issuerMetadata, accessToken: response.accessTokenResponse.access_token,
  bound: { clientId: boundTo, dpop: response.accessTokenResponse.token_type.toLowerCase() === 'dpop' ? response.dpop ?? dpop : undefined },
});

await flow(async () => {
  const issuerMetadata = await step('issuer metadata', async () => {
    const found = await wallet.resolveIssuerMetadata(issuer);
    expect(found.originalDraftVersion === Openid4vciVersion.V1, `the library takes it for ${found.originalDraftVersion}`);
    return found;
  });

  await flow(async () => {
    const credentialOffer = await step('offer', () => wallet.resolveCredentialOffer(setting('OFFER')));
    const redeem = (txCode) => wallet.retrievePreAuthorizedCodeAccessTokenFromOffer({ credentialOffer, issuerMetadata, txCode, dpop });
    await step('a wrong tx_code is refused', () => refused(() => redeem('000000'), 'invalid_grant'));
    const response = await step('pre-authorized code with tx_code', () => redeem(setting('TX_CODE')));
    for (const id of credentialOffer.credential_configuration_ids) await fetchAndVerify(accessOf(issuerMetadata, response), id);
    await step('the same pre-authorized code again is refused', () => refused(() => redeem(setting('TX_CODE')), 'invalid_grant'));
  });

  for (const id of setting('CONFIGURATIONS').split(' ')) {
    await flow(async () => {
      const configuration = issuerMetadata.credentialIssuer.credential_configurations_supported[id];
      const credentialOffer = { credential_issuer: issuer, credential_configuration_ids: [id], grants: { authorization_code: {} } };
      // The library sends no state: PKCE and iss bind the answer to the request.
      const response = await step(`log in for ${id}`, async () => {
        const { authorizationRequestUrl, pkce } = await wallet.createAuthorizationRequestUrlFromOffer({
          credentialOffer, issuerMetadata, clientId, redirectUri, scope: configuration.scope, dpop,
        });
        const callback = await new Visitor(redirectUri).visit(authorizationRequestUrl, person);
        const answer = wallet.parseAndVerifyAuthorizationResponseRedirectUrl({ url: callback.href, authorizationServerMetadata: issuerMetadata.authorizationServers[0] });
        expect(answer.code !== undefined, `came back with ${callback.search}`);
        return wallet.retrieveAuthorizationCodeAccessTokenFromOffer({
          issuerMetadata, credentialOffer, authorizationCode: answer.code, pkceCodeVerifier: pkce?.codeVerifier, redirectUri, dpop,
        });
      });
      const access = accessOf(issuerMetadata, response, clientId);
      await step(`a wrong nonce for ${id} is refused`, () => refused(
        () => fetchCredentials({ ...access, credentialConfigurationId: id, spoil: () => 'invalid' }), 'invalid_nonce'));
      await fetchAndVerify(access, id);
      const batch = issuerMetadata.credentialIssuer.batch_credential_issuance?.batch_size ?? 1;
      if (batch > 1) await fetchAndVerify(access, id, Math.min(batch, 3));
    });
  }
});

end();
