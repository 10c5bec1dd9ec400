/** Counts how often a function of the library really ran, by one whose effect is a count: `audit_fold`. */
import { fleetKeys } from '../../src/store/keys.js';
import type { RedisLink } from '../../src/store/redis-link.js';

const MINUTE = 1;

/** Runs the function once, on behalf of `field`. */
export async function countOnce(link: RedisLink, field: string): Promise<void> {
  await link.call(
    'audit_fold',
    [fleetKeys.auditFold(MINUTE), fleetKeys.auditFolds],
    [MINUTE, 10_000, 600, 'overflow', field, 1],
  );
}

/** How often it ran for each field. */
export async function counts(link: RedisLink): Promise<ReadonlyMap<string, number>> {
  const fields = await link.run((client) => client.hgetall(fleetKeys.auditFold(MINUTE)));
  return new Map(Object.entries(fields).map(([field, count]) => [field, Number(count)]));
}

/** Waits until `condition`, for what no event tells. */
export async function until(condition: () => boolean | Promise<boolean>, limitMs = 5000): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`not so within ${limitMs} ms: ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** The error `work` ends in, and after how many milliseconds. */
export async function failureOf(
  work: Promise<unknown>,
): Promise<{ readonly error: unknown; readonly afterMs: number }> {
  const begun = performance.now();
  try {
    await work;
  } catch (error) {
    return { error, afterMs: performance.now() - begun };
  }
  throw new Error('it succeeded');
}
