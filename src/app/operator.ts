/**
 * What the machine's operator works with (protocol 11.2): the same parts as the relay's, without sockets, on the same
 * store, whether a relay runs or not. The second composition root, next to app.ts; a command opens it, acts, and closes it.
 */
import { pino } from 'pino';

import type { Acting } from '../audit/entry.js';
import { AuditTrail } from '../audit/trail.js';
import { systemClock as clock, systemRandom as random } from '../clock.js';
import type { Config } from '../config.js';
import { openDesk, type OperatorDesk } from '../operators/desk.js';
import { OperatorSessions } from '../operators/operator-sessions.js';
import type { Release } from './ambient.js';
import { prepare } from './preflight.js';
import { makeSites } from './sites.js';
import { openStore, storesOn } from './store.js';

export interface Operator extends OperatorDesk {
  /** Where the store is, for people: without user and password. */
  readonly storeAddress: string;
  /** A short-lived token of the operator for the API of a relay of this fleet (protocol 11.2). `publicOrigin`: the relay's own. */
  apiToken(publicOrigin: string): Promise<string>;
  /** Flushes what is unwritten, disconnects, and lets a redis-server go that was started for this. */
  close(): Promise<void>;
}

/** Commands wait longer than a relay may: nobody else is held up. */
const COMMAND_TIMEOUT_MS = 5000;

/**
 * Opens the store of `config` for one who acts, starting its private redis-server when no relay has. `onUpgrade` is told how far a move
 * to this version's layout is. Throws `store_unavailable`, ConfigError.
 */
export async function openOperator(
  config: Config,
  by: Acting,
  onUpgrade: (text: string) => void = () => undefined,
): Promise<Operator> {
  const steps: Release[] = [];
  const onRelease = (step: Release): void => void steps.push(step);
  const ambient = { config, clock, random, log: pino({ level: 'silent' }), onRelease };
  const close = async (): Promise<void> => {
    for (const step of steps.reverse().splice(0)) await step();
  };
  prepare(config);
  try {
    const link = await openStore(ambient, { clientName: 'cli', commandTimeoutMs: COMMAND_TIMEOUT_MS, onUpgrade });
    const stores = storesOn(link);
    const audit = new AuditTrail({ store: stores.audit, clock, node: 'cli', onError: () => undefined });
    onRelease(() => audit.flush());
    const { sites, tokens } = await makeSites({
      ...ambient,
      store: stores.sites,
      audit,
      origins: { issuers: config.publicUrls, alsoIssuer: () => false },
      onMailFailure: () => undefined,
      extraSiteCa: [],
    });
    const sessions = new OperatorSessions({ store: stores.operators, tokens, audit, random });
    return {
      ...openDesk({ stores, sites, audit, clock, random }, by),
      storeAddress: link.address,
      apiToken: (publicOrigin) => sessions.token(publicOrigin),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
