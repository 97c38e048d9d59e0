// A small credential issuer beside the peer, made of the libraries' own issuing
// parts: the checks and the wallet have something to prove themselves on. It
// keeps to OpenID4VCI 1.0 as far as the checks ask, and no further.
import { randomUUID } from 'node:crypto';
import { setGlobalConfig } from '@openid4vc/oauth2';
import { Openid4vciIssuer, Openid4vciVersion } from '@openid4vc/openid4vci';
import { CoseKey, DeviceKey, Issuer as MdocIssuer } from '@owf/mdoc';
import { createHeaderAndPayload, StatusList } from '@sd-jwt/jwt-status-list';
import { SDJwtVcInstance } from '@sd-jwt/sd-jwt-vc';
import { importJWK, SignJWT } from 'jose';
import { errors } from 'oidc-provider';
import { callbacks, mdocContext, publicPart, sdJwt } from '../crypto.mjs';

setGlobalConfig({ allowInsecureUrls: true }); // the peer is on loopback
const preAuthorized = 'urn:ietf:params:oauth:grant-type:pre-authorized_code';
const doctype = 'org.example.nationalid.1';
export const credentialScopes = ['national_id_sd_jwt', 'national_id_mdoc'];

class Refusal extends Error {
  constructor(error, status = 400) {
    super(error);
    Object.assign(this, { error, status });
  }
}

function configurations(issuer) {
  const proofs = { jwt: { proof_signing_alg_values_supported: ['ES256'] } };
  const common = { cryptographic_binding_methods_supported: ['jwk'], proof_types_supported: proofs };
  return {
    national_id_sd_jwt: { format: 'dc+sd-jwt', scope: 'national_id_sd_jwt', vct: `${issuer}/types/national-id`, credential_signing_alg_values_supported: ['ES256'], ...common },
    national_id_mdoc: { format: 'mso_mdoc', scope: 'national_id_mdoc', doctype, credential_signing_alg_values_supported: [-7], ...common, cryptographic_binding_methods_supported: ['cose_key'] },
  };
}

async function signedJWT(key, chain, typ, claims) {
  return new SignJWT(claims).setProtectedHeader({ alg: 'ES256', typ, x5c: chain }).sign(await importJWK(key, 'ES256'));
}

// credentialIssuer answers the issuer's paths; it returns undefined for others.
export function credentialIssuer(provider, issuer, { key, chain, offers, persons }) {
  const nonces = new Set();
  const list = new StatusList(new Array(64).fill(0), 1);
  let issued = 0;
  const metadata = {
    credential_issuer: issuer, credential_endpoint: `${issuer}/vci/credential`, nonce_endpoint: `${issuer}/vci/nonce`,
    notification_endpoint: `${issuer}/vci/notification`, batch_credential_issuance: { batch_size: 3 },
    credential_configurations_supported: configurations(issuer),
  };
  const library = new Openid4vciIssuer({ callbacks: callbacks(() => []) });
  const issuerMetadata = { credentialIssuer: metadata, authorizationServers: [], originalDraftVersion: Openid4vciVersion.V1,
    knownCredentialConfigurations: metadata.credential_configurations_supported };

  provider.registerGrantType(preAuthorized, async (ctx) => {
    const { 'pre-authorized_code': code, tx_code: txCode } = ctx.oidc.params;
    const offer = offers[code];
    if (!offer) throw new errors.InvalidGrant('unknown code');
    if (offer.tx_code !== txCode) throw new errors.InvalidGrant('wrong tx_code');
    delete offers[code];
    const token = new provider.AccessToken({ accountId: offer.person, client: ctx.oidc.client, grantId: randomUUID(), gty: 'pre', scope: offer.scope });
    ctx.body = { access_token: await token.save(), token_type: 'Bearer', expires_in: 300, scope: offer.scope };
  }, ['pre-authorized_code', 'tx_code']);

  const statusEntry = () => ({ status_list: { idx: issued++ % 64, uri: `${issuer}/status-lists/1` } });
  const now = () => Math.floor(Date.now() / 1000);

  async function sdJwtCredential(configuration, person, holder) {
    const vc = new SDJwtVcInstance(sdJwt({ key }));
    const claims = { given_name: person.given_name, family_name: person.family_name };
    const payload = { iss: issuer, iat: now(), exp: now() + 3600, vct: configuration.vct, cnf: { jwk: holder }, status: statusEntry(), ...claims };
    return vc.issue(payload, { _sd: Object.keys(claims) }, { header: { x5c: chain, typ: 'dc+sd-jwt' } });
  }

  async function mdocCredential(configuration, person, holder) {
    const signed = new Date(Math.floor(Date.now() / 1000) * 1000);
    const { given_name, family_name } = person;
    const made = await new MdocIssuer(doctype, mdocContext).addIssuerNamespace(doctype, { given_name, family_name }).sign({
      signingKey: CoseKey.fromJwk({ ...key, alg: undefined }), algorithm: -7, digestAlgorithm: 'SHA-256',
      validityInfo: { signed, validFrom: signed, validUntil: new Date(signed.getTime() + 3600e3) },
      deviceKeyInfo: { deviceKey: DeviceKey.fromJwk(holder) }, certificates: chain.map((der) => new Uint8Array(Buffer.from(der, 'base64'))),
    });
    return made.encodedForOid4Vci;
  }

  // holderKeys checks the proofs of possession.
  async function holderKeys(parsed) {
    const proofs = parsed.proofs?.jwt;
    if (!proofs?.length || proofs.length > 3) throw new Refusal('invalid_proof');
    return Promise.all(proofs.map(async (jwt) => {
      const verified = await library.verifyCredentialRequestJwtProof({ issuerMetadata, jwt }).catch(() => { throw new Refusal('invalid_proof'); });
      if (!nonces.has(verified.payload.nonce)) throw new Refusal('invalid_nonce');
      return publicPart(verified.signer.publicJwk);
    }));
  }

  async function credential(request, body) {
    const [, value] = /^(?:Bearer|DPoP) (.+)$/i.exec(request.headers.authorization ?? '') ?? [];
    const token = value && await provider.AccessToken.find(value);
    if (!token) throw new Refusal('invalid_token', 401);
    const asked = JSON.parse(body);
    if (asked.credential_response_encryption) throw new Refusal('invalid_encryption_parameters');
    if (asked.credential_identifier) throw new Refusal('unknown_credential_identifier');
    const id = asked.credential_configuration_id;
    const configuration = metadata.credential_configurations_supported[id];
    if (!configuration || !token.scope.split(' ').includes(id)) throw new Refusal('unknown_credential_configuration');
    const parsed = library.parseCredentialRequest({ issuerMetadata, credentialRequest: asked });
    const make = configuration.format === 'mso_mdoc' ? mdocCredential : sdJwtCredential;
    const person = persons[token.accountId].claims;
    const credentials = await Promise.all((await holderKeys(parsed)).map(async (holder) => ({ credential: await make(configuration, person, holder) })));
    return { credentials, notification_id: randomUUID() };
  }

  const nonce = () => {
    const made = randomUUID();
    nonces.add(made);
    return { c_nonce: made };
  };

  async function statusList(response) {
    const { header, payload } = createHeaderAndPayload(list, { sub: `${issuer}/status-lists/1`, iat: now(), exp: now() + 300 }, { alg: 'ES256', typ: 'statuslist+jwt' });
    response.writeHead(200, { 'content-type': 'application/statuslist+jwt' }).end(await signedJWT(key, chain, header.typ, payload));
  }

  async function metadataDocument(request, response) {
    if (!request.headers.accept?.includes('application/jwt')) return send(response, 200, metadata);
    const jwt = await signedJWT(key, chain, 'openidvci-issuer-metadata+jwt', { sub: issuer, iat: now(), ...metadata });
    return response.writeHead(200, { 'content-type': 'application/jwt' }).end(jwt);
  }

  const send = (response, status, body) => response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end(body && JSON.stringify(body));

  return async (request, response, read) => {
    try {
      switch (new URL(request.url, issuer).pathname) {
        case '/.well-known/openid-credential-issuer': return await metadataDocument(request, response);
        case '/status-lists/1': return await statusList(response);
        case '/vci/nonce': return send(response, 200, nonce());
        case '/vci/notification': return send(response, 204);
        case '/vci/credential': return send(response, 200, await credential(request, await read(request)));
        default: return send(response, 404, { error: 'not_found' });
      }
    } catch (problem) {
      const kind = problem.error ?? 'invalid_credential_request';
      if (problem.status === 401) response.setHeader('www-authenticate', `Bearer error="${kind}"`);
      return send(response, problem.status ?? 400, { error: kind, error_description: problem.message });
    }
  };
}
