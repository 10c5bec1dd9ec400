/**
 * The life of one command at one door (protocol 6.7), with everything that may come between: two relays, of which one may
 * die; two connections of the door, the second of which supersedes the first; calls of the store that are slow, and replies
 * that are lost; the same envelope handed in twice; time that runs out whenever it likes. Bounded, and explored in full.
 *
 * Nothing is bound to happen: a call or a message that is lost is one whose step is never taken. What the store says is
 * heard at once, by somebody (7.4); so an end that a message between relays would bring later needs no step of its own.
 */
import type { Invariant, Step } from './checker.js';
import {
  RELAYS,
  STORE_FUNCTIONS,
  WITH_ENVELOPE,
  type Called,
  type Conn,
  type Guards,
  type Relay,
  type StoreModel,
} from './store-model.js';

/** A call of the store, by a relay that is to write to a connection of its own if the answer lets it. */
interface Call {
  readonly relay: Relay;
  readonly conn: Conn;
  /** The store has done it, and the reply is on its way: the command is this relay's to write. */
  readonly granted: boolean;
}

interface Connection {
  readonly relay: Relay | '';
  /** `attached`: live in the store, and not yet at the relay. `open`: the relay finds it, and would write to it. */
  readonly phase: 'none' | 'attached' | 'open' | 'closed';
}

export interface World {
  readonly store: StoreModel;
  readonly up: Readonly<Record<Relay, boolean>>;
  readonly first: Connection;
  readonly second: Connection;
  /** The relay the site asked, and how far it is; the call is there while it is `calling`. */
  readonly request: 'idle' | 'calling' | 'waiting' | 'done';
  readonly admission: Call | null;
  /** The site has handed the same envelope in again. */
  readonly again: boolean;
  /** Hints that a command waits for a door; not more than two, that of `admit` and that of `nudge`. */
  readonly hints: number;
  readonly nudged: boolean;
  readonly claims: readonly Call[];
  /** Relays that are to say that they have written nothing. */
  readonly abandons: readonly Relay[];
  /** What the door makes of what was written to it. */
  readonly door: 'nothing' | 'written' | 'ran' | 'said no';
  /** Times its result was stored: again when a reply was lost, or when the door sent it again (5.7). */
  readonly settles: number;
  readonly heardExpired: boolean;
  readonly heardExecutedTooSoon: boolean;
  readonly written: number;
  /** How a frame was written that should not have been. */
  readonly wrongWrite: string;
}

const EMPTY: StoreModel = {
  command: 'none',
  late: false,
  jwe: false,
  admittedBy: '',
  live: 1,
  liveAt: 'A',
  claimedFor: 0,
  wrongChange: '',
};

/** The door is live at A, and nothing was sent yet. */
export const INITIAL: World = {
  store: EMPTY,
  up: { A: true, B: true },
  first: { relay: 'A', phase: 'open' },
  second: { relay: '', phase: 'none' },
  request: 'idle',
  admission: null,
  again: false,
  hints: 0,
  nudged: false,
  claims: [],
  abandons: [],
  door: 'nothing',
  settles: 0,
  heardExpired: false,
  heardExecutedTooSoon: false,
  written: 0,
  wrongWrite: '',
};

export const INVARIANTS = {
  once: {
    name: 'a command is written to a socket of the door at most once',
    holds: ({ written }) => written <= 1,
  },
  expired: {
    name: '`expired` is never told of a command that was written, nor is one written after it',
    holds: ({ heardExpired, written }) => !heardExpired || written === 0,
  },
  executed: {
    name: '`executed` is only told when the door ran it',
    holds: ({ heardExecutedTooSoon }) => !heardExecutedTooSoon,
  },
  claimed: {
    name: 'nothing is written before the stored state is `claimed` for that very connection and the reply was received',
    holds: ({ wrongWrite }) => wrongWrite === '',
  },
  changes: {
    name: 'the state changes as protocol 6.7 says, and an end is for good',
    holds: ({ store }) => store.wrongChange === '',
  },
} satisfies Record<string, Invariant<World>>;

/** All that can happen next. Each group names its steps after the functions of the store they call. */
export function stepsOf(guards: Guards): (world: World) => readonly Step<World>[] {
  return (world) => [
    ...asks(world, guards),
    ...admissions(world, guards),
    ...hints(world, guards),
    ...claims(world, guards),
    ...abandons(world, guards),
    ...reads(world, guards),
    ...nudges(world),
    ...theDoor(world),
    ...settles(world, guards),
    ...connections(world),
    ...timeAndDeath(world),
  ];
}

// --- what relays see, write and say

/** The connection a relay finds for the door. */
function linkAt({ first, second, up }: World, relay: Relay): Conn {
  if (!up[relay]) return 0;
  if (second.phase === 'open' && second.relay === relay) return 2;
  return first.phase === 'open' && first.relay === relay ? 1 : 0;
}

/** Writes the command; `undefined` when the socket would not take it, so that nothing was written. */
function write(world: World, { relay, conn }: Call, confirmed: boolean, guards: Guards): World | undefined {
  const to = guards.has('relay: writes to the connection it claimed for') ? conn : linkAt(world, relay);
  const socket = to === 1 ? world.first : world.second;
  if (to === 0 || socket.phase !== 'open') return undefined;
  const claimed = world.store.claimedFor === to;
  const wrong = !confirmed ? 'nobody had said yes' : claimed ? '' : 'not claimed for this connection';
  const door = world.door === 'nothing' ? 'written' : world.door;
  return { ...world, door, written: world.written + 1, wrongWrite: world.wrongWrite || wrong };
}

/** The reply that lets a relay write has come: it writes, or says that it did not. */
function deliver(world: World, call: Call, guards: Guards): { readonly world: World; readonly sent: boolean } {
  const written = write(world, call, true, guards);
  const after = written ?? world;
  const honest = guards.has('relay: abandons only what was not written');
  const abandons = written === undefined || !honest ? [...after.abandons, call.relay].sort() : after.abandons;
  return { world: { ...after, abandons }, sent: written !== undefined };
}

function called(world: World, { store, hint }: Called): World {
  return { ...world, store, hints: hint === undefined ? world.hints : world.hints + 1 };
}

function hears(world: World, state: string): World {
  if (state === 'expired') return { ...world, heardExpired: true };
  return state === 'executed' && world.door !== 'ran' ? { ...world, heardExecutedTooSoon: true } : world;
}

// --- the site and the relay it asks

function asks(world: World, guards: Guards): Step<World>[] {
  return RELAYS.filter((relay) => world.up[relay]).flatMap((relay) => {
    const call: Call = { relay, conn: linkAt(world, relay), granted: false };
    const sees = `${relay} sees connection ${call.conn}`;
    if (world.request === 'idle') {
      const asked: World = { ...world, request: 'calling', admission: call };
      const patient = guards.has('relay: writes nothing before the reply');
      const next = patient ? asked : (write(asked, call, false, guards) ?? asked);
      return [{ label: `the site asks (${sees})`, next }];
    }
    if (world.again) return [];
    const answer = STORE_FUNCTIONS.admit(world.store, relay, call.conn, guards);
    const next = admitted({ ...called(world, answer), again: true }, call, answer.reply, guards);
    return [{ label: `admit, of the same envelope again (${sees}: ${answer.reply})`, next }];
  });
}

function admissions(world: World, guards: Guards): Step<World>[] {
  const call = world.admission;
  if (call === null) return [];
  const { relay } = call;
  const left: World = { ...world, admission: null };
  if (!call.granted) {
    const answer = STORE_FUNCTIONS.admit(world.store, relay, call.conn, guards);
    const done = called(world, answer);
    const next: World =
      answer.reply === 'claimed'
        ? { ...done, admission: { ...call, granted: true } }
        : world.up[relay]
          ? admitted({ ...done, admission: null }, call, answer.reply, guards)
          : { ...done, admission: null, request: 'done' };
    return [
      { label: `admit (${relay}, connection ${call.conn}: ${answer.reply})`, next },
      ...lost('admit', { ...left, request: 'done' }, call, guards),
    ];
  }
  if (!world.up[relay]) return [];
  return [
    { label: `admit's reply comes (${relay})`, next: admitted(left, call, 'claimed', guards) },
    ...lost('admit', { ...left, request: 'done' }, call, guards),
  ];
}

function admitted(world: World, call: Call, reply: string, guards: Guards): World {
  if (reply === 'pending') return { ...world, request: 'waiting' };
  if (reply !== 'claimed') return hears({ ...world, request: 'done' }, reply.replace('replayed ', ''));
  const delivery = deliver(world, call, guards);
  return delivery.sent
    ? { ...delivery.world, request: 'waiting' }
    : hears({ ...delivery.world, request: 'done' }, 'expired');
}

/** Nobody knows what became of the call. It may be done yet: that is the same as done now, with the reply lost later. */
function lost(name: string, left: World, call: Call, guards: Guards): Step<World>[] {
  const blind = !guards.has('relay: writes nothing after a lost reply');
  if (!call.granted && !blind) return [];
  const next = blind ? (write(left, call, false, guards) ?? left) : left;
  return [{ label: `${name}'s reply is lost (${call.relay})`, next }];
}

// --- the relay that has the door

function hints(world: World, guards: Guards): Step<World>[] {
  if (world.hints === 0) return [];
  return RELAYS.filter((relay) => linkAt(world, relay) !== 0).map((relay) => {
    const call: Call = { relay, conn: linkAt(world, relay), granted: false };
    const hinted: World = { ...world, hints: world.hints - 1, claims: inOrder([...world.claims, call]) };
    const patient = guards.has('relay: writes nothing before the reply');
    const next = patient ? hinted : (write(hinted, call, false, guards) ?? hinted);
    return { label: `a hint comes (${relay} sees connection ${call.conn})`, next };
  });
}

function claims(world: World, guards: Guards): Step<World>[] {
  return world.claims.flatMap((call, index) => {
    const { relay } = call;
    const left: World = { ...world, claims: world.claims.toSpliced(index, 1) };
    if (!call.granted) {
      const answer = STORE_FUNCTIONS.claim(world.store, relay, call.conn, guards);
      const careful = guards.has('relay: `claimed` without the envelope is the claim of somebody else');
      const granted = careful ? answer.reply === WITH_ENVELOPE : answer.reply.startsWith('claimed');
      const done = called(left, answer);
      const next = granted ? { ...done, claims: inOrder([...done.claims, { ...call, granted }]) } : done;
      const label = `claim (${relay}, connection ${call.conn}: ${answer.reply})`;
      return [{ label, next }, ...lost('claim', left, call, guards)];
    }
    if (!world.up[relay]) return [];
    return [
      { label: `claim's reply comes (${relay})`, next: deliver(left, call, guards).world },
      ...lost('claim', left, call, guards),
    ];
  });
}

/** Which of two calls is which does not matter. */
function inOrder(calls: readonly Call[]): readonly Call[] {
  return calls.toSorted((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)));
}

function abandons(world: World, guards: Guards): Step<World>[] {
  return world.abandons.map((relay, index) => {
    const answer = STORE_FUNCTIONS.abandon(world.store, relay, guards);
    const next = called({ ...world, abandons: world.abandons.toSpliced(index, 1) }, answer);
    return { label: `abandon (${relay}: ${answer.reply})`, next: hears(next, answer.settled ?? '') };
  });
}

// --- who waits and who looks

function reads(world: World, guards: Guards): Step<World>[] {
  if (world.store.command === 'none') return [];
  const answer = STORE_FUNCTIONS.read(world.store, guards);
  const read = { label: `read (${answer.reply})`, next: hears(called(world, answer), answer.reply) };
  if (world.request !== 'waiting' || !world.store.late) return [read];
  const honest = guards.has('relay: assumes nothing when the store cannot be read');
  const told = honest ? ['indeterminate'] : ['expired', 'executed'];
  const assumptions = told.map((state) => ({
    label: `time is up, and read is lost (told ${state})`,
    next: hears({ ...world, request: 'done' }, state),
  }));
  return [read, ...assumptions];
}

function nudges(world: World): Step<World>[] {
  if (world.request !== 'waiting' || world.nudged) return [];
  const answer = STORE_FUNCTIONS.nudge(world.store);
  return [{ label: `nudge (${answer.reply})`, next: { ...called(world, answer), nudged: true } }];
}

// --- the door and its answer

function theDoor(world: World): Step<World>[] {
  if (world.door !== 'written') return [];
  return [
    { label: 'the door runs it', next: { ...world, door: 'ran' } },
    { label: 'the door says no', next: { ...world, door: 'said no' } },
  ];
}

function settles(world: World, guards: Guards): Step<World>[] {
  if ((world.door !== 'ran' && world.door !== 'said no') || world.settles === 2) return [];
  return RELAYS.filter((relay) => world.up[relay]).map((relay) => {
    const answer = STORE_FUNCTIONS.settle(world.store, relay, world.door === 'ran' ? 200 : 400, guards);
    const next = hears({ ...called(world, answer), settles: world.settles + 1 }, answer.reply);
    return { label: `settle${world.settles === 0 ? '' : ', again'} (${relay}: ${answer.reply})`, next };
  });
}

// --- connections, time, death

function connections(world: World): Step<World>[] {
  const { first, second, store, up } = world;
  const steps: Step<World>[] = [];
  for (const relay of RELAYS) {
    if (second.phase !== 'none' || !up[relay]) continue;
    const next: World = { ...world, store: { ...store, live: 2, liveAt: relay }, second: { relay, phase: 'attached' } };
    steps.push({ label: `the door connects anew (${relay})`, next });
  }
  if (second.phase === 'attached') {
    const replaces = first.relay === second.relay && first.phase === 'open';
    const next: World = {
      ...world,
      first: replaces ? { ...first, phase: 'closed' } : first,
      second: { ...second, phase: 'open' },
    };
    steps.push({ label: 'the new connection is welcomed', next });
  }
  if (first.phase === 'open')
    steps.push({
      label: 'the old connection is closed (broken, or superseded)',
      next: { ...world, first: { ...first, phase: 'closed' } },
    });
  if (second.phase === 'open')
    steps.push({ label: 'the new connection breaks', next: { ...world, second: { ...second, phase: 'closed' } } });
  const gone = store.live === 1 ? first.phase === 'closed' : store.live === 2 && second.phase === 'closed';
  if (gone)
    steps.push({
      label: `a closed connection is withdrawn (${store.live})`,
      next: { ...world, store: { ...store, live: 0, liveAt: '' } },
    });
  return steps;
}

function timeAndDeath(world: World): Step<World>[] {
  const { store, up } = world;
  const steps: Step<World>[] = [];
  if (store.command !== 'none' && !store.late)
    steps.push({ label: 'the deadline passes', next: { ...world, store: { ...store, late: true } } });
  if (!up.A || !up.B) return steps;
  for (const relay of RELAYS) {
    // What it had asked of the store may still be done there; no reply is received any more.
    const closed = (connection: Connection): Connection =>
      connection.relay === relay ? { ...connection, phase: 'closed' } : connection;
    const next: World = {
      ...world,
      up: { ...up, [relay]: false },
      first: closed(world.first),
      second: closed(world.second),
    };
    steps.push({ label: `a relay dies (${relay})`, next });
  }
  return steps;
}
