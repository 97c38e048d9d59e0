// One iteration is one login as a person wants it: the whole journey, retried
// where a person would try again, given up after give_up_ms. Every login ends
// as one JSON line on the log; the harness reads the lines, not k6's checks,
// because k6 passes thresholds that have no samples (grafana/k6#4283).
import exec from 'k6/execution';
import { Attempts, GaveUp } from './attempts.js';
import { Client } from './client.js';
import { journey } from './journey.js';

const config = JSON.parse(open(__ENV.TOCSIN_LOAD_CONFIG));
const secret = open(config.secret_file).trim();
const client = new Client(config, JSON.parse(open(config.key_file)));

export const options = {
  scenarios: {
    login: {
      executor: 'constant-arrival-rate',
      rate: config.rate,
      timeUnit: '1s',
      duration: `${config.duration_ms}ms`,
      preAllocatedVUs: config.preallocated,
      maxVUs: config.max_vus,
      // A login that started inside the duration may use its whole patience.
      gracefulStop: `${config.give_up_ms + 5000}ms`,
    },
  },
  userAgent: config.user_agent,
  // Every person brings a browser of their own: no shared connections, so that
  // the entry spreads logins over the zones as it would spread people.
  noVUConnectionReuse: true,
  discardResponseBodies: false,
  summaryTrendStats: ['min', 'med', 'p(95)', 'p(99)', 'max'],
  thresholds: { 'dropped_iterations': ['count<1'] },
};

export default async function () {
  const n = exec.scenario.iterationInTest;
  const started = Date.now();
  const attempts = new Attempts(config, started);
  const person = {
    individual_id: String(BigInt(config.first) + BigInt((config.offset + n) % config.count)).padStart(config.first.length, '0'),
    secret: secret,
  };
  const line = { v: 1, n: n, start: started, end: 0, ok: false, gave_up: '', trace_id: attempts.traceID };
  try {
    await journey(client, attempts, person);
    line.ok = true;
  } catch (problem) {
    line.gave_up = problem instanceof GaveUp ? problem.message : `script: ${problem}`;
    line.script_error = !(problem instanceof GaveUp);
  }
  line.end = Date.now();
  // What was acknowledged counts, whatever became of the login afterwards.
  Object.assign(line, attempts.acknowledged);
  line.waits = attempts.waits;
  line.waited_ms = attempts.waited;
  line.restarts = attempts.restarts;
  line.steps = attempts.steps;
  line.errors = attempts.errors;
  line.errors_total = attempts.total;
  console.log(JSON.stringify(line));
}

// The default shape of the summary has the threshold polarity a person expects
// (ok: true is good), unlike --summary-export.
export function handleSummary(data) {
  return { [config.summary_file]: JSON.stringify(data) };
}
