/**
 * What Redis holds of one command and of the presence of its door, and what the functions of redis/functions/commands.lua
 * do to it (protocol 6.7), cut down to what decides whether a command is written, and how it ends. `conforms.test.ts`
 * holds each of these functions against the Lua one of the same name.
 */
import type { CommandState } from '../../src/protocol/client-frames.js';

export const RELAYS = ['A', 'B'] as const;
export type Relay = (typeof RELAYS)[number];
/** The door's connections, in the order in which it makes them; 0: none. */
export type Conn = 0 | 1 | 2;

export interface StoreModel {
  readonly command: CommandState | 'none';
  /** The deadline has passed. */
  readonly late: boolean;
  /** The envelope is stored, for the relay that is to claim it. */
  readonly jwe: boolean;
  /** Relay that admitted the command. */
  readonly admittedBy: Relay | '';
  readonly live: Conn;
  readonly liveAt: Relay | '';
  /** For the invariants: the connection that was live when the state became `claimed`. */
  readonly claimedFor: Conn;
  /** For the invariants: a change of state that protocol 6.7 does not have. */
  readonly wrongChange: string;
}

/** What a function answers and publishes. `hint`: a command waits for a door there; `settled`: told to the relay that admitted it. */
export interface Called {
  readonly store: StoreModel;
  readonly reply: string;
  readonly hint?: Relay;
  readonly settled?: CommandState;
}

/** What keeps the promise of 6.7; the tests take each away in turn. */
export const GUARDS = [
  'admit: an envelope that is known is replayed',
  'admit: claimed only for the connection that is live',
  'overdue: only past the deadline',
  'overdue: a claimed command may have run',
  'claim: only what is pending',
  'claim: not past the deadline',
  'claim: only for the connection that is live',
  'settle: only what is claimed or indeterminate',
  'abandon: only what is claimed',
  'relay: writes nothing before the reply',
  'relay: writes nothing after a lost reply',
  'relay: writes to the connection it claimed for',
  'relay: `claimed` without the envelope is the claim of somebody else',
  'relay: abandons only what was not written',
  'relay: assumes nothing when the store cannot be read',
] as const;
export type Guard = (typeof GUARDS)[number];
export type Guards = ReadonlySet<Guard>;

/** Protocol 6.7. Only a `pending` that is in time is claimed; only what is late ends by itself. */
const CHANGES: Readonly<Record<StoreModel['command'], readonly string[]>> = {
  none: ['pending', 'claimed'],
  pending: ['claimed in time', 'expired late'],
  claimed: ['executed', 'refused', 'indeterminate late', 'expired'],
  indeterminate: ['executed', 'refused'],
  executed: [],
  refused: [],
  expired: [],
};

function change(store: StoreModel, to: CommandState): StoreModel {
  const allowed = CHANGES[store.command];
  const fits = allowed.includes(to) || allowed.includes(`${to} ${store.late ? 'late' : 'in time'}`);
  const wrongChange = fits ? store.wrongChange : `${store.command} -> ${to}${store.late ? ', late' : ''}`;
  return { ...store, command: to, wrongChange, ...(to === 'claimed' && { claimedFor: store.live }) };
}

/** The end of what nobody settled in time; local to commands.lua. */
export function overdue(store: StoreModel, guards: Guards): StoreModel {
  if (!store.late && guards.has('overdue: only past the deadline')) return store;
  // The envelope stands behind the state, and goes with it.
  if (store.command === 'pending') return { ...change(store, 'expired'), jwe: false };
  if (store.command !== 'claimed') return store;
  return change(store, guards.has('overdue: a claimed command may have run') ? 'indeterminate' : 'expired');
}

/** Answers of `claim`: `claimed` alone is the state of a command that somebody has claimed before. */
export const WITH_ENVELOPE = 'claimed, with the envelope';

export const STORE_FUNCTIONS = {
  /** `conn`: the door's connection at this relay, as the relay sees it. */
  admit(store: StoreModel, by: Relay, conn: Conn, guards: Guards): Called {
    if (store.command !== 'none' && guards.has('admit: an envelope that is known is replayed')) {
      const now = overdue(store, guards);
      return { store: now, reply: `replayed ${now.command}` };
    }
    if (store.liveAt === '') return { store, reply: 'door_offline' };
    const here = guards.has('admit: claimed only for the connection that is live')
      ? store.liveAt === by && store.live === conn
      : conn !== 0;
    const admitted = { ...change(store, here ? 'claimed' : 'pending'), admittedBy: by };
    if (here) return { store: admitted, reply: 'claimed' };
    return { store: { ...admitted, jwe: true }, reply: 'pending', hint: store.liveAt };
  },

  claim(store: StoreModel, by: Relay, conn: Conn, guards: Guards): Called {
    if (store.command === 'none') return { store, reply: 'gone' };
    const now = guards.has('claim: not past the deadline') ? overdue(store, guards) : store;
    if (now.command !== 'pending' && guards.has('claim: only what is pending'))
      return { store: now, reply: now.command };
    const live = now.liveAt === by && now.live === conn;
    if (!live && guards.has('claim: only for the connection that is live')) return { store: now, reply: 'not_live' };
    // Behind a state that is settled stands something else.
    const behind = now.jwe || now.command === 'executed' || now.command === 'refused';
    if (!behind) return { store: now, reply: 'gone' };
    return { store: { ...change(now, 'claimed'), jwe: false }, reply: WITH_ENVELOPE };
  },

  nudge(store: StoreModel): Called {
    const hint = store.command === 'pending' && store.liveAt !== '' ? store.liveAt : undefined;
    return { store, reply: store.command, ...(hint !== undefined && { hint }) };
  },

  settle(store: StoreModel, by: Relay, status: 200 | 400, guards: Guards): Called {
    if (store.command === 'none') return { store, reply: 'none' };
    const open = store.command === 'claimed' || store.command === 'indeterminate';
    if (!open && guards.has('settle: only what is claimed or indeterminate')) return { store, reply: store.command };
    const state = status === 200 ? 'executed' : 'refused';
    const settled = change(store, state);
    return { store: settled, reply: state, ...(by !== store.admittedBy && { settled: state }) };
  },

  abandon(store: StoreModel, by: Relay, guards: Guards): Called {
    if (store.command !== 'claimed' && guards.has('abandon: only what is claimed'))
      return { store, reply: store.command };
    const expired = change(store, 'expired');
    return { store: expired, reply: 'expired', ...(by !== store.admittedBy && { settled: 'expired' as const }) };
  },

  read(store: StoreModel, guards: Guards): Called {
    const now = overdue(store, guards);
    return { store: now, reply: now.command };
  },
};
