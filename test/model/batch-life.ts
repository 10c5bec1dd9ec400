/**
 * The life of a call that carries several items (src/store/group-commit.ts), with everything that may come between: replies that are
 * lost, a function that stops midway, a store that is full, a library that is gone, a relay that dies. What each item does is the
 * model of `command-life.ts`; here it only counts how often it ran, in which order, and what its asker was told. Explored in full.
 */
import type { Invariant, Step } from './checker.js';

/** Items of one line, in the order in which they were asked for; the second and the fourth end something. */
const ITEMS = [0, 1, 2, 3] as const;
const ENDS: readonly boolean[] = [false, true, false, true];
const ITEMS_A_CALL = 2;
const OUTSTANDING = 2;

/** What one who asked was told: its answer; that nobody knows; or that it was refused and did not run. */
type Told = '' | 'answer' | 'unknown' | 'refused';

interface Call {
  readonly items: readonly number[];
  /** Where it is: on its way; come to an end in the store, its reply on the way back (`ran`, or the refusal of a full store, or of one without the library). */
  readonly at: 'sent' | 'ran' | 'full' | 'missing' | 'stopped';
  readonly again: boolean;
}

export interface Batches {
  readonly waiting: readonly number[];
  readonly calls: readonly Call[];
  readonly up: boolean;
  /** Items as they ran in the store. */
  readonly ran: readonly number[];
  readonly told: readonly Told[];
  /** Items whose call went again: they come later than their turn was. */
  readonly resent: readonly number[];
  /** What a full store was asked for again that it should not have been. */
  readonly wrong: string;
}

export const BATCH_GUARDS = [
  'nothing goes again after a lost reply',
  'nothing goes again of a function that stopped midway',
  'only endings go again to a full store',
  'a refusal is believed only where nothing has run',
  'items go in the order in which they came',
  'two calls are outstanding at most',
  'what is in line behind a lost reply is refused, and not sent',
] as const;
export type BatchGuard = (typeof BATCH_GUARDS)[number];
export type BatchGuards = ReadonlySet<BatchGuard>;

export const BATCH_START: Batches = {
  waiting: ITEMS,
  calls: [],
  up: true,
  ran: [],
  resent: [],
  told: ITEMS.map((): Told => ''),
  wrong: '',
};

export const BATCH_INVARIANTS = {
  once: {
    name: 'an item runs at most once',
    holds: ({ ran }) => new Set(ran).size === ran.length,
  },
  honest: {
    name: 'an answer is told only of what ran, and a refusal only of what did not',
    holds: ({ ran, told }) =>
      told.every((what, item) => (what === 'answer' ? ran.includes(item) : what !== 'refused' || !ran.includes(item))),
  },
  order: {
    name: 'what came first runs first, but for what Redis had refused before it ran',
    holds: ({ ran, resent }) => {
      const inTurn = ran.filter((item) => !resent.includes(item));
      return inTurn.every((item, index) => inTurn.slice(0, index).every((before) => before < item));
    },
  },
  bounds: {
    name: 'no more than two calls are outstanding',
    holds: ({ calls }) => calls.length <= OUTSTANDING,
  },
  full: {
    name: 'a full store is asked again for endings alone',
    holds: ({ wrong }) => wrong === '',
  },
} satisfies Record<string, Invariant<Batches>>;

export function batchSteps(guards: BatchGuards): (world: Batches) => readonly Step<Batches>[] {
  return (world) => [...sends(world, guards), ...runs(world), ...replies(world, guards), ...dies(world)];
}

function sends(world: Batches, guards: BatchGuards): Step<Batches>[] {
  const { waiting, calls, up } = world;
  const bounded = guards.has('two calls are outstanding at most');
  if (!up || waiting.length === 0 || (bounded && calls.length >= OUTSTANDING)) return [];
  const inOrder = guards.has('items go in the order in which they came');
  // How much has come by the end of a turn is anybody's guess.
  return [1, ITEMS_A_CALL]
    .filter((count) => count <= waiting.length)
    .map((count) => {
      const items = inOrder ? waiting.slice(0, count) : waiting.slice(-count);
      const left = waiting.filter((item) => !items.includes(item));
      const next = { ...world, waiting: left, calls: [...calls, { items, at: 'sent' as const, again: false }] };
      return { label: `a call is sent (${items.join(', ')})`, next };
    });
}

/** Redis takes calls of one connection in their order. */
function runs(world: Batches): Step<Batches>[] {
  const index = world.calls.findIndex(({ at }) => at === 'sent');
  const call = world.calls[index];
  if (call === undefined) return [];
  const { items, again } = call;
  const becomes = (at: Call['at'], ran: readonly number[] = []): Batches => ({
    ...world,
    ran: [...world.ran, ...ran],
    calls: world.calls.with(index, { ...call, at }),
    wrong: again && items.some((item) => ENDS[item] !== true) ? 'something else than an ending' : world.wrong,
  });
  return [
    { label: `the call runs (${items.join(', ')})`, next: becomes('ran', items) },
    { label: `the store is full (${items.join(', ')})`, next: becomes('full') },
    { label: `the library is gone (${items.join(', ')})`, next: becomes('missing') },
    ...items.map((_, count) => ({
      label: `the function stops midway (after ${count})`,
      next: becomes('stopped', items.slice(0, count)),
    })),
  ];
}

function replies(world: Batches, guards: BatchGuards): Step<Batches>[] {
  if (!world.up) return [];
  return world.calls.flatMap((call, index) => {
    const { items, at, again } = call;
    const left: Batches = { ...world, calls: world.calls.toSpliced(index, 1) };
    const tell = (told: Told, of: readonly number[], then: Batches = left): Batches => ({
      ...then,
      told: then.told.map((one, item) => (of.includes(item) ? told : one)),
    });
    const resend = (of: readonly number[], then: Batches, isAgain = true): Batches =>
      of.length === 0
        ? then
        : {
            ...then,
            calls: [...then.calls, { items: of, at: 'sent', again: isAgain }],
            resent: [...new Set([...then.resent, ...of])].sort(),
          };

    const lostAll = tell('unknown', items);
    const behind = guards.has('what is in line behind a lost reply is refused, and not sent')
      ? { ...tell('refused', world.waiting, lostAll), waiting: [] }
      : tell('refused', world.waiting, lostAll);
    const lost = guards.has('nothing goes again after a lost reply') ? behind : resend(items, left, false);
    const steps: Step<Batches>[] = [{ label: `a reply is lost (${items.join(', ')})`, next: lost }];

    if (at === 'ran') steps.push({ label: `the reply comes (${items.join(', ')})`, next: tell('answer', items) });
    if (at === 'stopped') {
      const careful = guards.has('nothing goes again of a function that stopped midway');
      const believed = guards.has('a refusal is believed only where nothing has run');
      const unknown = believed ? tell('unknown', items) : tell('refused', items);
      steps.push({ label: 'an error comes', next: careful ? unknown : resend(items, left, false) });
    }
    if (at === 'missing')
      // Proof that nothing of it ran: the library is loaded, and the same call goes again, once.
      steps.push({ label: 'it is loaded again', next: resend(items, left, again) });
    if (at === 'full') {
      const endings = guards.has('only endings go again to a full store') ? items.filter((item) => ENDS[item]) : items;
      const refused = items.filter((item) => !endings.includes(item));
      const next = again ? tell('refused', items) : resend(endings, tell('refused', refused));
      steps.push({ label: `the refusal comes (${items.join(', ')})`, next });
    }
    return steps;
  });
}

/** Nobody hears replies any more; what was sent may run yet. */
function dies(world: Batches): Step<Batches>[] {
  return world.up ? [{ label: 'the relay dies', next: { ...world, up: false, waiting: [] } }] : [];
}
