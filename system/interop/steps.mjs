// One JSON line for every step a client takes: what it did, and whether it
// worked. A program ends with 1 when a step did not.
let failed = false;

const describe = (problem) => [problem.error ?? problem.code, problem.message, problem.error_description, problem.cause?.message]
  .filter(Boolean).join(': ');

// step runs work and reports it; later steps that need its result cannot run.
export async function step(name, work) {
  const started = performance.now();
  const took = () => Math.round(performance.now() - started);
  try {
    const result = await work();
    console.log(JSON.stringify({ step: name, ok: true, ms: took() }));
    return result;
  } catch (problem) {
    failed = true;
    console.log(JSON.stringify({ step: name, ok: false, ms: took(), problem: describe(problem) }));
    throw new Stopped(name);
  }
}

class Stopped extends Error {}

// flow runs steps that build on each other; the next flow runs whatever happens.
export async function flow(work) {
  try {
    await work();
  } catch (problem) {
    if (!(problem instanceof Stopped)) throw problem;
  }
}

export function end() {
  process.exitCode = failed ? 1 : 0;
}

export function expect(holds, message) {
  if (!holds) throw new Error(message);
}

// refused checks that work is refused with the OAuth error kind.
export async function refused(work, kind) {
  const problem = await work().then(() => undefined, (caught) => caught);
  expect(problem !== undefined, `was accepted, should be refused with ${kind}`);
  const got = problem.error ?? problem.cause?.error ?? problem.errorResponse?.error ?? describe(problem);
  expect(String(got).includes(kind), `refused with ${got}, should be ${kind}`);
}

export function setting(name, otherwise) {
  const value = process.env[name] ?? otherwise;
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
}
