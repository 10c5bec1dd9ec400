import { ClientHub } from '../channels/websocket/client-hub.js';
import { Upgrades } from '../channels/websocket/upgrade.js';
import { Presence } from '../doors/presence.js';
import { DoorReports } from '../doors/reports.js';
import type { RelayUpdates } from '../updates/relay-updates.js';
import type { Commands } from './commands.js';
import type { Doors } from './doors.js';
import type { Gates } from './gate.js';
import type { Relays } from './relays.js';
import type { Base } from './store.js';

/** Doors that are live, whatever carries them. */
export function makePresence(base: Base, relays: Relays, { links }: Doors, commands: Commands, updates: RelayUpdates) {
  const common = { ...base, ...relays, store: base.stores.presence, updates: updates.delivery };
  const { dispatcher: results, questions } = commands;
  return new Presence({ ...common, doors: links, reports: new DoorReports({ ...common, results, questions }) });
}

interface SocketParts extends Relays, Gates, Pick<Commands, 'commands'>, Pick<Doors, 'access'> {
  readonly presence: Presence;
}

/** The WebSockets of doors and clients. */
export function makeSockets(base: Base, parts: SocketParts) {
  const { mail } = base.stores;
  const clientHub = new ClientHub({ ...base, ...parts, mail });
  const upgrades = new Upgrades({ ...base, ...parts, clientHub });
  return { clientHub, upgrades };
}
