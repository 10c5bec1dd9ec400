/** A relay without anything it could be reached by: the rooms of `src/app` on a real store, for whoever brings a channel. */
import { randomBytes } from 'node:crypto';

import { pino } from 'pino';

import { makePresence } from '../../src/app/channels.js';
import { makeCommands } from '../../src/app/commands.js';
import { makeDoors } from '../../src/app/doors.js';
import { publicOrigins } from '../../src/app/public-origins.js';
import { makeRelays } from '../../src/app/relays.js';
import { storesOn } from '../../src/app/store.js';
import { makeUpdates } from '../../src/app/updates.js';
import type { AuditFields } from '../../src/audit/entry.js';
import { AuditTrail } from '../../src/audit/trail.js';
import { systemClock as clock, systemRandom as random } from '../../src/clock.js';
import { readConfig } from '../../src/config.js';
import { Metrics } from '../../src/metrics.js';
import { FleetSecrets } from '../../src/sites/fleet-secrets.js';
import type { RedisLink } from '../../src/store/redis-link.js';

/** Work that failed and that nobody waited for, as one text each. */
export type Failures = string[];

class RecordingTrail extends AuditTrail {
  readonly entries: AuditFields[] = [];

  override entry(fields: AuditFields): string {
    this.entries.push(fields);
    return super.entry(fields);
  }
}

export async function startRelayCore(link: RedisLink, name: string) {
  const config = readConfig({ OPENLOCK_COMMAND_TIMEOUT_MS: '2000' });
  const failures: Failures = [];
  const stores = storesOn(link);
  const audit = new RecordingTrail({ store: stores.audit, clock, node: name, onError: () => undefined });
  const base = {
    ...{ config, clock, random, stores, audit },
    log: pino({ level: 'silent' }),
    metrics: new Metrics(),
    relayId: `${name}.${randomBytes(6).toString('hex')}`,
    onError: (error: unknown, work: string) => void failures.push(`${work}: ${String(error)}`),
    onRelease: () => undefined,
  };
  const relays = makeRelays(base);
  const doors = makeDoors(base, relays, new FleetSecrets(randomBytes(32)), publicOrigins(config, 0));
  const commands = makeCommands(base, relays, doors);
  const updates = makeUpdates(base, relays, doors);
  const presence = makePresence(base, relays, doors, commands, updates);
  presence.start();
  await relays.lease.start(presence);
  commands.dispatcher.start();
  commands.questions.start();
  updates.start();
  await relays.bus.start();
  return {
    ...{
      relayId: base.relayId,
      failures,
      stores,
      presence,
      links: doors.links,
      ...relays,
      entries: audit.entries,
      commands: commands.commands,
    },
    async stop() {
      await presence.stop(1000);
      await relays.bus.stop();
      await updates.stop();
      commands.dispatcher.stop();
      await relays.lease.stop();
    },
  };
}
export type RelayCore = Awaited<ReturnType<typeof startRelayCore>>;
