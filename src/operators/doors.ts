/** What operators see of doors and do to them and their grants (protocol 4.1, 7.6, 11.2). Works on the store, with any relay up or down. */
import { createHash } from 'node:crypto';

import type { Clock, Random } from '../clock.js';
import type { Acting, AuditKind } from '../audit/entry.js';
import type { AuditTrail } from '../audit/trail.js';
import type { Role } from '../protocol/api.js';
import { DOOR_ID } from '../protocol/ids.js';
import { OpenLockError } from '../protocol/problem.js';
import type { DoorChange } from '../doors/presence.js';
import type { DoorGrantStore } from '../store/door-grants.js';
import type { DoorPresenceStore } from '../store/door-presence.js';
import type { DoorRecordStore } from '../store/door-records.js';
import type { RelayMail } from '../store/relay-mail.js';
import type { RelayStore } from '../store/relay-store.js';
import { doorDetailsView, doorView, type DoorDetails, type DoorDetailsView, type DoorView } from './door-views.js';
import { checkKid } from './keys.js';

const ENROLMENT_SECONDS = 24 * 3600; // protocol 4.1

export interface DoorAdminDependencies {
  readonly records: DoorRecordStore;
  readonly grants: DoorGrantStore;
  readonly presence: Pick<DoorPresenceStore, 'presence'>;
  readonly relays: Pick<RelayStore, 'live'>;
  readonly mail: Pick<RelayMail, 'toFleet'>;
  readonly audit: Pick<AuditTrail, 'entry'>;
  readonly clock: Clock;
  readonly random: Random;
  /** Resolves a site id or origin to site ids; origins may have several sites, one per e-mail. */
  readonly findSites: (siteIdOrOrigin: string) => Promise<readonly string[]>;
  /** In whose name it is done. */
  readonly by: Acting;
}

/** Printed by `door add --json` (protocol 11.2). `expiresAt` in Unix milliseconds. */
export interface Enrolment {
  readonly doorId: string;
  readonly enrolmentToken: string;
  readonly expiresAt: number;
}

const noSuchDoor = (doorId: string): OpenLockError =>
  new OpenLockError('door_not_found', `There is no door "${doorId}"; \`openlock door list\` shows all.`);

export class DoorAdmin {
  readonly #deps: DoorAdminDependencies;

  constructor(dependencies: DoorAdminDependencies) {
    this.#deps = dependencies;
  }

  /** Creates a door and its one-time enrolment token, good for 24 hours; with `kid` only that key can enrol. */
  async add(doorId: string, options: { kid?: string | undefined; name?: string | undefined } = {}): Promise<Enrolment> {
    if (!DOOR_ID.test(doorId))
      throw new OpenLockError(
        'invalid_request',
        'A door id has 3 to 64 letters, digits, `_` or `-`, and starts with a letter or digit.',
      );
    checkKid(options.kid);
    const token = this.#token();
    const outcome = await this.#deps.records.add(doorId, {
      name: options.name ?? doorId,
      kid: options.kid,
      ...token.stored,
      auditEntry: this.#entry('door_added', doorId),
    });
    if (outcome === 'exists')
      throw new OpenLockError(
        'invalid_request',
        `Door "${doorId}" exists already; \`openlock door reset ${doorId}\` gives it a new enrolment token.`,
      );
    return { doorId, enrolmentToken: token.text, expiresAt: token.stored.tokenUntil };
  }

  /** Forgets the door's key and session; the answer enrols a new one. Grants stay. */
  async reset(doorId: string, options: { kid?: string | undefined } = {}): Promise<Enrolment> {
    checkKid(options.kid);
    const token = this.#token();
    const outcome = await this.#deps.records.reset(doorId, {
      kid: options.kid,
      ...token.stored,
      auditEntry: this.#entry('door_reset', doorId),
    });
    if (outcome === 'missing') throw noSuchDoor(doorId);
    await this.#changed(doorId, 'reset');
    return { doorId, enrolmentToken: token.text, expiresAt: token.stored.tokenUntil };
  }

  async list(): Promise<readonly DoorView[]> {
    const [ids, liveRelays] = await Promise.all([this.#deps.records.doorIds(), this.#deps.relays.live()]);
    const doors = await Promise.all(ids.map((doorId) => this.#details(doorId)));
    return doors.filter((door) => door !== undefined).map((door) => doorView(door, liveRelays));
  }

  /** Throws `door_not_found`. */
  async show(doorId: string): Promise<DoorDetailsView> {
    const [details, liveRelays] = await Promise.all([this.#details(doorId), this.#deps.relays.live()]);
    if (details === undefined) throw noSuchDoor(doorId);
    return doorDetailsView(details, liveRelays);
  }

  async disable(doorId: string): Promise<void> {
    await this.#flag(doorId, true);
    await this.#changed(doorId, 'disabled');
  }

  async enable(doorId: string): Promise<void> {
    await this.#flag(doorId, false);
    await this.#changed(doorId, 'enabled');
  }

  async remove(doorId: string): Promise<void> {
    const outcome = await this.#deps.records.remove(doorId, this.#entry('door_removed', doorId));
    if (outcome === 'missing') throw noSuchDoor(doorId);
    await this.#changed(doorId, 'removed');
  }

  /** Grants a role to a site, or to every site of an origin; returns the site ids. */
  async grant(
    doorId: string,
    siteIdOrOrigin: string,
    grant: { role: Role; notBefore?: number | undefined; notAfter?: number | undefined },
  ): Promise<readonly string[]> {
    const sites = await this.#sites(siteIdOrOrigin);
    for (const siteId of sites) {
      const entry = this.#entry('granted', doorId, `${siteId}:${grant.role}`);
      const outcome = await this.#deps.grants.setGrant(
        doorId,
        siteId,
        { role: grant.role, notBefore: grant.notBefore, notAfter: grant.notAfter },
        entry,
      );
      if (outcome === 'missing') throw noSuchDoor(doorId);
      await this.#deps.mail.toFleet({ t: 'grants_changed', door: doorId, siteId });
    }
    return sites;
  }

  /** Takes grants away; returns the site ids that had one. */
  async revokeGrant(doorId: string, siteIdOrOrigin: string): Promise<readonly string[]> {
    const revoked: string[] = [];
    for (const siteId of await this.#sites(siteIdOrOrigin)) {
      const outcome = await this.#deps.grants.removeGrant(doorId, siteId, this.#entry('grant_revoked', doorId, siteId));
      if (outcome === 'missing') throw noSuchDoor(doorId);
      if (outcome === 'no_grant') continue;
      revoked.push(siteId);
      await this.#deps.mail.toFleet({ t: 'grants_changed', door: doorId, siteId });
    }
    if (revoked.length === 0)
      throw new OpenLockError('invalid_request', `"${siteIdOrOrigin}" has no grant at door "${doorId}".`);
    return revoked;
  }

  #token(): { text: string; stored: { tokenHash: string; tokenUntil: number } } {
    const text = this.#deps.random.bytes(24).toString('base64url');
    const tokenHash = createHash('sha256').update(text).digest('base64url');
    return { text, stored: { tokenHash, tokenUntil: this.#deps.clock.now() + ENROLMENT_SECONDS * 1000 } };
  }

  #entry(kind: AuditKind, doorId: string, code?: string): string {
    const { audit, by } = this.#deps;
    return audit.entry({ kind, ...by, target: `door:${doorId}`, door: doorId, ...(code !== undefined && { code }) });
  }

  async #details(doorId: string): Promise<DoorDetails | undefined> {
    const record = await this.#deps.records.record(doorId);
    if (record === undefined) return undefined;
    const [presence, grants] = await Promise.all([
      this.#deps.presence.presence(doorId),
      this.#deps.grants.grants(doorId),
    ]);
    return { record, presence, grants };
  }

  async #flag(doorId: string, disabled: boolean): Promise<void> {
    const entry = this.#entry(disabled ? 'door_disabled' : 'door_enabled', doorId);
    if ((await this.#deps.records.setFlag(doorId, 'disabled', disabled, entry)) === 'missing') throw noSuchDoor(doorId);
  }

  async #sites(siteIdOrOrigin: string): Promise<readonly string[]> {
    const sites = await this.#deps.findSites(siteIdOrOrigin);
    if (sites.length === 0)
      throw new OpenLockError(
        'invalid_request',
        `There is no site "${siteIdOrOrigin}"; \`openlock site list\` shows all. A site exists once it has logged in.`,
      );
    return sites;
  }

  async #changed(doorId: string, change: DoorChange): Promise<void> {
    await this.#deps.mail.toFleet({ t: 'door_changed', door: doorId, change });
  }
}
