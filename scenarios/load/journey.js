// journey.js walks one login from the authorization request to userinfo and
// judges every protocol answer: input here is always valid and, unless a reply
// was lost, never presented before. A verdict against it is a lie.
import { GaveUp, Restart } from './attempts.js';
import { claimsOf, form } from './client.js';
import { readForm, fillLogin, fillConsent, resolve, origin } from './form.js';

// Pages and redirects between the authorization request and the code.
const maxHops = 20;

export async function journey(client, attempts, person) {
  for (;;) {
    try {
      await once(client, attempts, person);
      return;
    } catch (problem) {
      if (!(problem instanceof Restart)) {
        throw problem;
      }
      attempts.restart(problem.message);
    }
  }
}

async function once(client, attempts, person) {
  const begun = client.begin();
  const back = walk(client.config, attempts, person, begun.url);
  const acked = Date.now();
  const code = codeOf(attempts, back, begun, client.config);
  const tokens = await redeem(client, attempts, code, begun);
  attempts.acknowledged = {
    grant_id: tokens.grant_id || '',
    grant_acked_at: acked,
    code: code,
    code_verifier: begun.verifier,
    code_redeemed_at: Date.now(),
  };
  userinfo(client.config, attempts, tokens.access_token);
}

// walk goes through redirects and forms until the browser is sent back to the
// client, and returns that address.
function walk(config, attempts, person, url) {
  let step = 'authorize';
  let res = attempts.send(step, 'GET', url, null, {});
  // Redirects since the secret was sent; -1 while it was not.
  let sinceSecret = -1;
  for (let hop = 0; hop < maxHops; hop++) {
    if (res.status >= 300 && res.status < 400) {
      const next = resolve(res.url || url, res.headers['Location'] || '');
      if (next === config.redirect_uri || next.startsWith(config.redirect_uri + '?')) {
        return next;
      }
      url = next;
      sinceSecret += sinceSecret < 0 ? 0 : 1;
      res = attempts.send(pageStep(step), 'GET', url, null, {});
      continue;
    }
    const page = pageOf(attempts, step, res, url);
    if (page.kind === 'login' && sinceSecret >= 0) {
      askedAgain(attempts, step, res.status, sinceSecret);
    }
    const pairs = page.kind === 'login' ? fillLogin(page, person, config.fields) : fillConsent(page);
    if (pairs === null) {
      throw new GaveUp(`${step}: no fields for individual and secret in the login form`);
    }
    sinceSecret = page.kind === 'login' ? 0 : sinceSecret;
    step = page.kind;
    url = page.action;
    res = attempts.send(step, 'POST', url, form(pairs), {
      'Content-Type': 'application/x-www-form-urlencoded',
      'Origin': origin(url),
    });
  }
  return lie(attempts, step, res.status, `more than ${maxHops} redirects and pages`);
}

// askedAgain tells a refusal from a loss. A login form in answer to the secret,
// directly or by one redirect, refuses it, and that is a lie. One that comes
// later means that the store forgot that the person had logged in.
function askedAgain(attempts, step, status, redirects) {
  if (redirects <= 1) {
    lie(attempts, step, status, 'valid individual and secret refused');
  }
  attempts.record(step, 'verdict', status, 'asked to log in again');
}

function pageStep(step) {
  return step === 'authorize' ? 'login-page' : step === 'login' ? 'consent-page' : step;
}

// pageOf returns the form of an answer. A login transaction may be lost with the
// store that holds it, honestly told by 404 or 410: the person starts again. Any
// other page without a form is a verdict against valid input.
function pageOf(attempts, step, res, url) {
  if (step !== 'authorize' && (res.status === 404 || res.status === 410)) {
    attempts.record(step, 'verdict', res.status, 'login transaction lost');
    throw new Restart(`${step}: login transaction lost`);
  }
  const page = typeof res.body === 'string' ? readForm(res.body, res.url || url) : null;
  if (res.status !== 200 && !(page && page.kind === 'login')) {
    lie(attempts, step, res.status, 'valid request refused');
  }
  if (page === null) {
    lie(attempts, step, res.status, 'page without a form');
  }
  return page;
}

function codeOf(attempts, back, begun, config) {
  const answer = query(back);
  if (answer.error === 'temporarily_unavailable' || answer.error === 'server_error') {
    // RFC 6749 section 4.1.2.1: the redirect's way of saying 503 and 500.
    attempts.record('consent', '5xx', 303, answer.error);
    throw new Restart(`consent: ${answer.error}`);
  }
  if (answer.error || !answer.code) {
    lie(attempts, 'consent', 303, answer.error || 'redirect without code');
  }
  if (answer.state !== begun.state || (answer.iss && answer.iss !== config.issuer)) {
    lie(attempts, 'consent', 303, 'state or iss of another request');
  }
  return answer.code;
}

// redeem presents the code, with a new assertion every time (its jti may be used
// once). 503 says nothing about the code, so it is presented again; from then
// on a refusal may be honest (the code may have been consumed), which is why
// only the refusal of a first presentation is a lie. When an answer is lost on
// the way the journey restarts: RFC 6749 section 4.1.2 lets a server revoke
// what was issued for a code that comes twice.
async function redeem(client, attempts, code, begun) {
  for (let tries = 0, presented = false; ; tries++) {
    const body = await client.redemption(code, begun.verifier);
    const { res, kind, seen } = attempts.attempt('token', 'POST', client.config.token_endpoint, body, {
      'Content-Type': 'application/x-www-form-urlencoded',
      'Accept': 'application/json',
    });
    if (kind === '') {
      return tokensOf(attempts, res, begun, client.config, presented);
    }
    if (seen && res.status === 0) {
      throw new Restart(`token: answer lost (${kind})`);
    }
    presented = presented || seen;
    attempts.wait(tries, res);
  }
}

function tokensOf(attempts, res, begun, config, presented) {
  const answer = json(res);
  if (res.status !== 200) {
    const detail = (answer && answer.error) || 'refused';
    if (presented && detail === 'invalid_grant') {
      attempts.record('token', 'verdict', res.status, detail);
      throw new Restart('token: the code was consumed by a presentation that was answered 503');
    }
    lie(attempts, 'token', res.status, detail);
  }
  const claims = answer && answer.id_token ? claimsOf(answer.id_token) : null;
  if (!answer || !answer.access_token || !claims) {
    lie(attempts, 'token', 200, 'no tokens in the answer');
  }
  if (claims.nonce !== begun.nonce || claims.iss !== config.issuer) {
    lie(attempts, 'token', 200, 'ID token of another login');
  }
  return answer;
}

function userinfo(config, attempts, token) {
  if (!config.userinfo_endpoint) {
    return;
  }
  const res = attempts.send('userinfo', 'GET', config.userinfo_endpoint, null, { 'Authorization': `Bearer ${token}` });
  const answer = json(res);
  if (res.status !== 200 || !answer || !answer.sub) {
    lie(attempts, 'userinfo', res.status, (answer && answer.error) || 'no subject in the answer');
  }
}

// lie records a protocol verdict against valid input and starts again, as the
// person would have to.
function lie(attempts, step, status, detail) {
  attempts.record(step, 'lie', status, detail);
  throw new Restart(`${step}: ${detail}`);
}

function json(res) {
  try {
    return JSON.parse(res.body);
  } catch (problem) {
    return null;
  }
}

function query(url) {
  const out = {};
  const at = url.indexOf('?');
  for (const pair of at < 0 ? [] : url.slice(at + 1).split('&')) {
    const [name, given] = pair.split('=');
    out[decodeURIComponent(name)] = decodeURIComponent((given || '').replace(/\+/g, ' '));
  }
  return out;
}
