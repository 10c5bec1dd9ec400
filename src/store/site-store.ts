import { OpenLockError } from '../protocol/problem.js';
import { wordsOf, type Words } from './function-library.js';
import { GroupCommit } from './group-commit.js';
import { channels, fleetKeys, siteKeys, siteTag } from './keys.js';
import type { RedisLink } from './redis-link.js';

/** A site as stored: one e-mail address at one origin. Times in Unix milliseconds. */
export interface SiteRecord {
  readonly siteId: string;
  readonly email: string;
  readonly origin: string;
  readonly createdAt: number;
  /** When the e-mail address last proved the origin; `undefined` for the built-in operator. */
  readonly verifiedAt: number | undefined;
  readonly lastLoginAt: number;
  readonly blocked: boolean;
}

export type CodeAttempt =
  | { readonly outcome: 'ok'; readonly email: string; readonly origin: string }
  /** `waits`: too many wrong codes for its e-mail, this one was not looked at. */
  | { readonly outcome: 'wrong' | 'waits' | 'gone' };

/** A new login. Hashes stand for text of a stranger's choosing in the names of keys. */
export interface StartLoginFields {
  readonly email: string;
  readonly emailHash: string;
  /** Of e-mail and network. */
  readonly networkHash: string;
  /** IPv4 address or IPv6 /64. */
  readonly address: string;
  /** IPv4 /24 or IPv6 /48. */
  readonly network: string;
  readonly origin: string;
  readonly codeHash: string;
}

export interface LoginNumbers {
  readonly loginSeconds: number;
  readonly loginWindowMs: number;
  readonly loginsOfAddress: number;
  readonly pendingOfAddress: number;
  readonly loginsOfNetwork: number;
  readonly pendingLogins: number;
  readonly mailsOfEmail: number;
  readonly mailsOfNetwork: number;
  readonly wrongCodes: number;
  readonly wrongCodesOfEmail: number;
}

/** Why no code is mailed, or that one is. The last two are not remembered: memory is bounded. */
export type LoginOutcome =
  'mailed' | 'mail_limit' | 'address_limit' | 'network_limit' | 'wrong_codes' | 'pending_limit' | 'full';

export interface OpenSessionFields {
  readonly siteId: string;
  readonly sessionId: string;
  readonly email: string;
  readonly origin: string;
  /** Unix milliseconds; `undefined` leaves what is remembered. */
  readonly verifiedAt: number | undefined;
  /** `undefined`: the session cannot be refreshed. */
  readonly refreshHash: string | undefined;
  readonly lifeMs: number;
  readonly auditEntry: string;
}

export interface RefreshFields {
  readonly siteId: string;
  readonly sessionId: string;
  readonly presentedHash: string;
  readonly successorHash: string;
  /** The whole answer, encrypted under a key that only the presented token and the fleet secret give. */
  readonly sealedAnswer: string;
  readonly lifeMs: number;
  readonly sealedMs: number;
  readonly refreshedEntry: string;
  readonly reusedEntry: string;
}

export type RefreshOutcome =
  | { readonly outcome: 'rotated' | 'reused' | 'gone' | 'blocked' }
  | { readonly outcome: 'again'; readonly sealedAnswer: string };

/** Typed calls of `redis/functions/sites.lua`, and reads of a site's keys. All may throw `store_unavailable`. */
export class SiteStore {
  readonly #link: RedisLink;
  readonly #admissions: GroupCommit;
  #rate: { readonly capacity: number; readonly perSecond: number; readonly words: Words } | undefined;

  constructor(link: RedisLink) {
    this.#link = link;
    this.#admissions = new GroupCommit({ link, name: 'site_batch', head: wordsOf([]) });
  }

  /** Remembers a login, and decides whether its code may be mailed. One that is not mailed has no code that would be right. */
  async startLogin(loginId: string, login: StartLoginFields, numbers: LoginNumbers): Promise<LoginOutcome> {
    return (await this.#link.call(
      'site_login_start',
      [
        fleetKeys.login(loginId),
        fleetKeys.pendingLogins,
        fleetKeys.loginsOfAddress(login.address),
        fleetKeys.loginsOfNetwork(login.network),
        fleetKeys.loginMails(login.emailHash),
        fleetKeys.loginNetworkMails(login.networkHash),
        fleetKeys.wrongCodes(login.emailHash),
      ],
      [
        loginId,
        login.email,
        login.emailHash,
        login.origin,
        login.codeHash,
        numbers.loginSeconds * 1000,
        numbers.loginWindowMs,
        numbers.loginsOfAddress,
        numbers.pendingOfAddress,
        numbers.loginsOfNetwork,
        numbers.pendingLogins,
        numbers.mailsOfEmail,
        numbers.mailsOfNetwork,
        numbers.wrongCodesOfEmail,
      ],
    )) as LoginOutcome;
  }

  /** Compares a code with the login's; counts a wrong one against the login and its e-mail, atomically. */
  async tryCode(loginId: string, codeHash: string, numbers: LoginNumbers): Promise<CodeAttempt> {
    const [outcome, email, origin] = (await this.#link.call(
      'site_login_try',
      [fleetKeys.login(loginId), fleetKeys.pendingLogins, fleetKeys.wrongCodes('')],
      [loginId, codeHash, numbers.wrongCodes, numbers.wrongCodesOfEmail, numbers.loginWindowMs],
    )) as ['ok' | 'wrong' | 'waits' | 'gone', string, string];
    return outcome === 'ok' ? { outcome, email, origin } : { outcome };
  }

  /** Takes one of the login's fetches; false when none is left. */
  async takeFetch(loginId: string, fetchesAllowed: number): Promise<boolean> {
    return (await this.#link.call('site_login_fetch', [fleetKeys.login(loginId)], [fetchesAllowed])) === 1;
  }

  /** Ends a login; true for the one caller who did. */
  async endLogin(loginId: string): Promise<boolean> {
    const keys = [fleetKeys.login(loginId), fleetKeys.pendingLogins];
    return (await this.#link.call('site_login_end', keys, [loginId])) === 1;
  }

  async originOfLogin(loginId: string): Promise<string | undefined> {
    return (await this.#link.run((client) => client.hget(fleetKeys.login(loginId), 'origin'))) ?? undefined;
  }

  /** The site of an (e-mail, origin), if it ever logged in. */
  async siteOfIdentity(identityHash: string): Promise<string | undefined> {
    return (await this.#link.run((client) => client.get(fleetKeys.siteByIdentity(identityHash)))) ?? undefined;
  }

  /** The site of an (e-mail, origin): `candidate` unless there is one already; the same for all who ask at once. */
  async claimIdentity(identityHash: string, candidate: string): Promise<string> {
    const key = fleetKeys.siteByIdentity(identityHash);
    if ((await this.#link.run((client) => client.set(key, candidate, 'NX'))) === 'OK') return candidate;
    const existing = await this.siteOfIdentity(identityHash);
    // Identities are never deleted, so this only happens when the store lost data between the two calls.
    if (existing === undefined)
      throw new OpenLockError('store_unavailable', 'The store lost a record just written; try again.');
    return existing;
  }

  /** Puts a site into the indexes; its record is the truth. */
  async index(siteId: string, origin: string | undefined): Promise<void> {
    await this.#link.run((client) =>
      Promise.all([
        client.sadd(fleetKeys.sites, siteId),
        ...(origin === undefined ? [] : [client.sadd(fleetKeys.originSites(origin), siteId)]),
      ]),
    );
  }

  /** Creates the site on its first login and starts a session; `blocked` changes nothing. */
  async openSession(fields: OpenSessionFields): Promise<'ok' | 'blocked'> {
    const keys = siteKeys(fields.siteId);
    return (await this.#link.call(
      'site_session_open',
      [keys.record, keys.sessions, keys.session(fields.sessionId), keys.audit],
      [
        fields.email,
        fields.origin,
        fields.verifiedAt ?? '',
        fields.sessionId,
        fields.refreshHash ?? '',
        fields.lifeMs,
        fields.auditEntry,
      ],
    )) as 'ok' | 'blocked';
  }

  async refresh(fields: RefreshFields): Promise<RefreshOutcome> {
    const keys = siteKeys(fields.siteId);
    const { siteId, sessionId } = fields;
    const [outcome, sealedAnswer] = (await this.#link.call(
      'site_refresh',
      [keys.record, keys.session(sessionId), keys.successor(sessionId), keys.sessions, keys.audit, keys.auditTraffic],
      [
        sessionId,
        fields.presentedHash,
        fields.successorHash,
        fields.sealedAnswer,
        fields.lifeMs,
        fields.sealedMs,
        fields.refreshedEntry,
        fields.reusedEntry,
        channels.fleet,
        sessionRevoked(siteId, sessionId),
      ],
    )) as [RefreshOutcome['outcome'], string];
    return outcome === 'again' ? { outcome, sealedAnswer } : { outcome };
  }

  /** Ends a session and tells every relay; false when it had ended before. */
  async endSession(siteId: string, sessionId: string, auditEntry: string): Promise<boolean> {
    const keys = siteKeys(siteId);
    const ended = await this.#link.call(
      'site_session_end',
      [keys.session(sessionId), keys.successor(sessionId), keys.sessions, keys.audit],
      [sessionId, auditEntry, channels.fleet, sessionRevoked(siteId, sessionId)],
    );
    return ended === 1;
  }

  /** Blocks a site, ends its sessions, tells every relay; false when there is no such site. */
  async block(siteId: string, auditEntry: string): Promise<boolean> {
    const keys = siteKeys(siteId);
    const message = JSON.stringify({ t: 'site_blocked', siteId });
    return (
      (await this.#link.call(
        'site_block',
        [keys.record, keys.sessions, keys.audit],
        [keys.session(''), auditEntry, channels.fleet, message],
      )) === 1
    );
  }

  async unblock(siteId: string, auditEntry: string): Promise<boolean> {
    const keys = siteKeys(siteId);
    return (await this.#link.call('site_unblock', [keys.record, keys.audit], [auditEntry])) === 1;
  }

  /**
   * On the path of every command (protocol 6.5, 8.1); one call for all of a turn. `cost` 0 only looks at session and block.
   * Result: 0 admitted, -1 session ended, -2 site blocked, above 0: milliseconds until there would be tokens enough.
   */
  async admit(siteId: string, sessionId: string, cost: number, capacity: number, perSecond: number): Promise<number> {
    if (this.#rate?.capacity !== capacity || this.#rate.perSecond !== perSecond)
      this.#rate = { capacity, perSecond, words: wordsOf([capacity, perSecond]) };
    const tag = siteTag(siteId);
    const item = { tag, head: this.#rate.words, words: [tag, sessionId, cost] };
    return (await this.#admissions.run(item)) as number;
  }

  async record(siteId: string): Promise<SiteRecord | undefined> {
    const fields = await this.#link.run((client) => client.hgetall(siteKeys(siteId).record));
    if (fields['createdAt'] === undefined) return undefined;
    return {
      siteId,
      email: fields['email'] ?? '',
      origin: fields['origin'] ?? '',
      createdAt: Number(fields['createdAt']),
      verifiedAt: fields['verifiedAt'] === undefined ? undefined : Number(fields['verifiedAt']),
      lastLoginAt: Number(fields['lastLoginAt']),
      blocked: fields['blocked'] === '1',
    };
  }

  /** Sites that proved an origin, blocked ones included. */
  async sitesOfOrigin(origin: string): Promise<readonly SiteRecord[]> {
    return this.#records(await this.#link.run((client) => client.smembers(fleetKeys.originSites(origin))));
  }

  async all(): Promise<readonly SiteRecord[]> {
    return this.#records(await this.#link.run((client) => client.smembers(fleetKeys.sites)));
  }

  async #records(siteIds: readonly string[]): Promise<readonly SiteRecord[]> {
    const records: SiteRecord[] = [];
    for (let start = 0; start < siteIds.length; start += 500) {
      const page = await Promise.all(siteIds.slice(start, start + 500).map((siteId) => this.record(siteId)));
      for (const record of page) if (record !== undefined) records.push(record);
    }
    return records;
  }
}

/** What every relay is told when a session ends. */
export function sessionRevoked(siteId: string, sessionId: string): string {
  return JSON.stringify({ t: 'session_revoked', siteId, sessionId });
}
