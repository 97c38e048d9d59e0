// attempts.js owns one login's patience: it sends requests, decides which
// answers mean "try again", waits, and writes down every problem it met.
import http from 'k6/http';
import { sleep } from 'k6';

// The line must stay small enough to read while the run goes on; the total is
// kept beside it, so nothing is hidden, and no lie is ever left out.
const keptErrors = 40;

// GaveUp ends a login that failed.
export class GaveUp extends Error {}

// Restart throws the journey back to its beginning: a step cannot be repeated.
export class Restart extends Error {}

export class Attempts {
  constructor(config, started) {
    this.config = config;
    this.deadline = started + config.give_up_ms;
    this.traceID = hex(16);
    this.waits = 0;
    this.waited = 0;
    this.restarts = 0;
    this.errors = [];
    this.total = 0;
    this.steps = {};
    this.acknowledged = {};
    this.last = '';
  }

  // send performs one step until it has an answer that is not an infrastructure
  // problem, and returns that answer. The request must be safe to repeat.
  send(step, method, url, body, headers) {
    for (let tries = 0; ; tries++) {
      const { res, kind } = this.attempt(step, method, url, body, headers);
      if (kind === '') {
        return res;
      }
      this.wait(tries, res);
    }
  }

  // attempt performs one step once. kind is '' or the infrastructure problem it
  // met, which is recorded; seen says whether the server may have seen it.
  attempt(step, method, url, body, headers) {
    const began = Date.now();
    const res = http.request(method, url, body, this.params(step, headers));
    this.steps[step] = (this.steps[step] || 0) + (Date.now() - began);
    const kind = infrastructure(res);
    if (kind !== '') {
      this.record(step, kind, res.status, res.status ? res.status_text : res.error);
    }
    return { res: res, kind: kind, seen: !neverSent(res.error_code) };
  }

  // restart waits a little and counts, so that a journey that is thrown back
  // again and again does not become a flood.
  restart(reason) {
    this.last = reason;
    this.wait(this.restarts, null);
    this.restarts++;
  }

  record(step, kind, status, detail) {
    this.total++;
    this.last = `${step}: ${kind} ${detail}`;
    if (kind === 'lie' || this.errors.length < keptErrors) {
      this.errors.push({ t: Date.now(), step: step, status: status, kind: kind, detail: String(detail).slice(0, 200) });
    }
  }

  // wait backs off from 100 ms to at most 1 s, jittered, and honours
  // Retry-After up to that same second: people click again sooner than that.
  wait(tries, res) {
    let pause = Math.min(1000, 100 * 2 ** tries) * (0.75 + Math.random() / 4);
    const asked = res ? Number(res.headers['Retry-After']) : NaN;
    if (asked > 0) {
      pause = Math.min(1000, asked * 1000);
    }
    if (Date.now() + pause >= this.deadline) {
      throw new GaveUp(`no success in ${this.config.give_up_ms / 1000} s; last: ${this.last}`);
    }
    this.waits++;
    this.waited += Math.round(pause);
    sleep(pause / 1000);
  }

  params(step, headers) {
    const left = this.deadline - Date.now();
    if (left <= 0) {
      throw new GaveUp(`no success in ${this.config.give_up_ms / 1000} s; last: ${this.last || step}`);
    }
    return {
      redirects: 0,
      timeout: Math.max(50, Math.min(this.config.attempt_timeout_ms, left)),
      tags: { name: step },
      headers: Object.assign({
        'traceparent': `00-${this.traceID}-${hex(8)}-01`,
        'X-Synthetic-Run': this.config.run_id,
      }, headers),
    };
  }
}

// infrastructure names the honest problem that res is, or ''. Whatever is not
// infrastructure is an answer of the protocol, judged by the journey.
function infrastructure(res) {
  if (res.status === 429) {
    return '429';
  }
  if (res.status === 408) {
    // The server gave up waiting for the request, which may be repeated
    // (RFC 9110 section 15.5.9).
    return 'timeout';
  }
  if (res.status >= 500) {
    return '5xx';
  }
  if (res.status !== 0) {
    return '';
  }
  switch (res.error_code) {
    case 1212:
      return 'refused';
    case 1050:
    case 1211:
      return 'timeout';
    default:
      if (res.error_code >= 1100 && res.error_code < 1200) {
        return 'dns';
      }
      return res.error_code >= 1300 && res.error_code < 1400 ? 'tls' : 'reset';
  }
}

// neverSent: k6's codes for names not resolved, dials refused or timed out, and
// TLS handshakes not finished. The server cannot have seen the request.
function neverSent(code) {
  return (code >= 1100 && code < 1200) || (code >= 1210 && code <= 1213) || (code >= 1300 && code < 1400);
}

export function hex(bytes) {
  const raw = crypto.getRandomValues(new Uint8Array(bytes));
  return Array.from(raw, (b) => b.toString(16).padStart(2, '0')).join('');
}
