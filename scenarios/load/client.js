// client.js is the OAuth client: the authorization request with PKCE (RFC 7636)
// and the client assertion signed with ES256 (RFC 7523, RFC 7518 section 3.4).
import encoding from 'k6/encoding';
import { sha256 } from 'k6/crypto';

export class Client {
  constructor(config, jwk) {
    this.config = config;
    this.jwk = jwk;
    this.key = null;
  }

  // begin makes the secrets of one journey and the URL that starts it.
  begin() {
    const verifier = token(32);
    const state = token(16);
    const nonce = token(16);
    const url = this.config.authorization_endpoint + (this.config.authorization_endpoint.includes('?') ? '&' : '?') + form([
      ['response_type', 'code'],
      ['client_id', this.config.client_id],
      ['redirect_uri', this.config.redirect_uri],
      ['scope', this.config.scopes.join(' ')],
      ['state', state],
      ['nonce', nonce],
      ...(this.config.returning ? [] : [['prompt', 'consent']]),
      ['code_challenge', sha256(verifier, 'base64rawurl')],
      ['code_challenge_method', 'S256'],
    ]);
    return { url: url, verifier: verifier, state: state, nonce: nonce };
  }

  // redemption is the body of a token request. The assertion is new every time:
  // its jti may be used once only.
  async redemption(code, verifier) {
    return form([
      ['grant_type', 'authorization_code'],
      ['code', code],
      ['redirect_uri', this.config.redirect_uri],
      ['code_verifier', verifier],
      ['client_id', this.config.client_id],
      ['client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'],
      ['client_assertion', await this.assertion()],
    ]);
  }

  async assertion() {
    if (this.key === null) {
      const jwk = { kty: this.jwk.kty, crv: this.jwk.crv, x: this.jwk.x, y: this.jwk.y, d: this.jwk.d, ext: true, key_ops: ['sign'] };
      this.key = await crypto.subtle.importKey('jwk', jwk, { name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign']);
    }
    const now = Math.floor(Date.now() / 1000);
    const signed = `${segment({ alg: 'ES256', typ: 'JWT', kid: this.jwk.kid })}.${segment({
      iss: this.config.client_id, sub: this.config.client_id, aud: this.config.audience, jti: token(16), iat: now, exp: now + 60,
    })}`;
    const signature = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, this.key, ascii(signed));
    return `${signed}.${encoding.b64encode(signature, 'rawurl')}`;
  }
}

// claimsOf reads the payload of a JWT without judging its signature: the login
// probe verifies signatures, the load only looks for answers to someone else.
export function claimsOf(jwt) {
  try {
    return JSON.parse(encoding.b64decode(jwt.split('.')[1], 'rawurl', 's'));
  } catch (problem) {
    return null;
  }
}

export function form(pairs) {
  return pairs.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join('&');
}

function segment(value) {
  return encoding.b64encode(JSON.stringify(value), 'rawurl');
}

function token(bytes) {
  return encoding.b64encode(crypto.getRandomValues(new Uint8Array(bytes)).buffer, 'rawurl');
}

function ascii(text) {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    bytes[i] = text.charCodeAt(i);
  }
  return bytes;
}
