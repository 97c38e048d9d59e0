// What the credential libraries leave to their host: signatures, digests and
// certificates, all by Node.js itself.
import { createHash, createPrivateKey, createPublicKey, randomBytes, sign, verify, X509Certificate } from 'node:crypto';
import { CoseKey, Sign1 } from '@owf/mdoc';
import { compactVerify, importJWK, SignJWT } from 'jose';

const hashes = { 'SHA-256': 'sha256', 'SHA-384': 'sha384', 'SHA-512': 'sha512' };
const digest = (bytes, name) => new Uint8Array(createHash(hashes[name.toUpperCase()]).update(bytes).digest());
const raw = (key) => ({ key, dsaEncoding: 'ieee-p1363' });

export const publicPart = ({ d: _private, ...jwk }) => jwk;

// certificateKey returns the public key of a certificate (base64 DER) as a JWK.
export const certificateKey = (der) => new X509Certificate(Buffer.from(der, 'base64')).publicKey.export({ format: 'jwk' });

const field = (name, wanted) => name.split('\n').filter((line) => line.startsWith(`${wanted}=`)).map((line) => line.slice(wanted.length + 1));

// checkChain fails unless every certificate is signed by the next and the last
// by a trusted one.
export function checkChain(chain, trusted, now = new Date()) {
  const certificates = chain.map((bytes) => new X509Certificate(bytes));
  certificates.forEach((certificate, i) => {
    if (now < new Date(certificate.validFrom) || now > new Date(certificate.validTo)) throw new Error('certificate is not valid now');
    const issuers = i + 1 < certificates.length ? [certificates[i + 1]] : trusted.map((bytes) => new X509Certificate(bytes));
    const known = issuers.some((issuer) => certificate.raw.equals(issuer.raw) || (certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)));
    if (!known) throw new Error(`certificate ${certificate.subject} leads to nobody who is trusted`);
  });
}

// mdocContext is what @owf/mdoc asks for.
export const mdocContext = {
  crypto: {
    random: (length) => new Uint8Array(randomBytes(length)),
    digest: ({ digestAlgorithm, bytes }) => digest(bytes, digestAlgorithm),
  },
  cose: { sign1: {
    sign: ({ toBeSigned, key }) => new Uint8Array(sign('sha256', toBeSigned, raw(createPrivateKey({ key: key.jwk, format: 'jwk' })))),
    verify: ({ sign1, key }) => {
      const signed = Sign1.toBeSigned({ payload: sign1.payload, protectedHeaders: sign1.protectedHeaders });
      return verify('sha256', signed, raw(createPublicKey({ key: publicPart(key.jwk), format: 'jwk' })), sign1.signature);
    },
  } },
  x509: {
    getIssuerNameField: ({ certificate, field: wanted }) => field(new X509Certificate(certificate).issuer, wanted),
    getPublicKey: ({ certificate }) => CoseKey.fromJwk(new X509Certificate(certificate).publicKey.export({ format: 'jwk' })),
    verifyCertificateChain: ({ trustedCertificates, x5chain, now }) => checkChain(x5chain, trustedCertificates, now),
    getCertificateData: ({ certificate }) => {
      const parsed = new X509Certificate(certificate);
      return {
        issuerName: parsed.issuer, subjectName: parsed.subject, serialNumber: parsed.serialNumber,
        thumbprint: parsed.fingerprint256, notBefore: new Date(parsed.validFrom), notAfter: new Date(parsed.validTo), pem: parsed.toString(),
      };
    },
  },
};

// jwtVerifies reports whether a compact JWS is signed with jwk.
export async function jwtVerifies(compact, jwk, alg) {
  try {
    await compactVerify(compact, await importJWK(publicPart(jwk), alg));
    return true;
  } catch {
    return false;
  }
}

// callbacks are what @openid4vc asks for; keys are the private JWKs that sign,
// found by their public part.
export const callbacks = (keys) => ({
  hash: (bytes, name) => digest(bytes, name),
  generateRandom: (length) => new Uint8Array(randomBytes(length)),
  signJwt: async (signer, { header, payload }) => {
    const key = keys().find(({ x, y }) => x === signer.publicJwk.x && y === signer.publicJwk.y);
    const jwt = await new SignJWT(payload).setProtectedHeader(header).sign(await importJWK(key, signer.alg));
    return { jwt, signerJwk: publicPart(key) };
  },
  verifyJwt: async (signer, { compact }) => {
    const jwk = signer.method === 'x5c' ? certificateKey(signer.x5c[0]) : signer.publicJwk;
    return { verified: await jwtVerifies(compact, jwk, signer.alg), signerJwk: jwk };
  },
  encryptJwe: () => { throw new Error('nothing is encrypted here'); },
  decryptJwe: () => { throw new Error('nothing is encrypted here'); },
});

// sdJwt is what @sd-jwt asks for; key signs, issuerKey verifies.
export const sdJwt = ({ key, issuerKey, statusKey, checkStatus }) => ({
  hasher: (data, alg) => digest(typeof data === 'string' ? Buffer.from(data) : data, alg),
  hashAlg: 'sha-256',
  saltGenerator: (length) => randomBytes(length).toString('base64url'),
  signAlg: 'ES256',
  signer: key && ((data) => sign('sha256', Buffer.from(data), raw(createPrivateKey({ key, format: 'jwk' }))).toString('base64url')),
  verifier: issuerKey && ((data, signature) => verify('sha256', Buffer.from(data), raw(createPublicKey({ key: publicPart(issuerKey), format: 'jwk' })), Buffer.from(signature, 'base64url'))),
  statusVerifier: statusKey && ((data, signature) => verify('sha256', Buffer.from(data), raw(createPublicKey({ key: publicPart(statusKey), format: 'jwk' })), Buffer.from(signature, 'base64url'))),
  statusValidator: checkStatus,
});
