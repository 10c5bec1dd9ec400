/** A whole SiteService on a real Redis, with a clock that only moves when told, mails in files, and a website on loopback. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { systemClock } from '../../../src/clock.js';
import type { Random } from '../../../src/clock.js';
import type { Caller, RequestContext, SitePrincipal } from '../../../src/principal.js';
import { AuditTrail } from '../../../src/audit/trail.js';
import type { LoginAnswer, TokenAnswer } from '../../../src/protocol/api.js';
import { AccessTokens } from '../../../src/sites/access-tokens.js';
import { FleetSecrets } from '../../../src/sites/fleet-secrets.js';
import { Mailer } from '../../../src/sites/mailer.js';
import { OriginVerifier } from '../../../src/sites/origin-verifier.js';
import { SigningKeys } from '../../../src/sites/signing-keys.js';
import { SITE_LIMITS, type SiteLimits } from '../../../src/sites/site-limits.js';
import { SiteService } from '../../../src/sites/site-service.js';
import { AuditStore } from '../../../src/store/audit-store.js';
import { siteKeys } from '../../../src/store/keys.js';
import { RedisLink, type RedisClient } from '../../../src/store/redis-link.js';
import { SiteStore } from '../../../src/store/site-store.js';
import { FakeClock } from '../../support/fake-clock.js';
import { startTestRedis, type TestRedis } from '../../support/redis.js';

export const ISSUER = 'https://relay.example';
export const random: Random = { bytes: (length) => randomBytes(length) };

export function context(overrides: Partial<RequestContext> = {}): RequestContext {
  return { requestId: 'request-1', address: '198.51.100.7', origin: undefined, ...overrides };
}

/** The site an access token is of. */
export function asSite(caller: Caller): SitePrincipal {
  if (caller.kind !== 'site') throw new Error('not the token of a site');
  return caller;
}

/** A temporary directory, and how to remove it. */
export function scratch(): { readonly dir: string; remove(): void } {
  const dir = mkdtempSync(join(tmpdir(), 'openlock-sites-'));
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) };
}

/** A website that serves its challenge, and counts who asks. */
export class Website {
  token: string | undefined;
  fetches = 0;
  readonly #server: Server = createServer((request, response) => {
    if (request.url !== '/.well-known/openlock-challenge.txt') return void response.writeHead(404).end();
    this.fetches += 1;
    if (this.token === undefined) response.writeHead(404).end('not here');
    else response.end(`  ${this.token}\r\n`);
  });

  async start(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

export interface HarnessOptions {
  readonly limits?: Partial<SiteLimits>;
  readonly siteRate?: number;
  readonly redisArguments?: readonly string[];
  readonly random?: Random;
  readonly isStoreFull?: () => boolean;
}

export class Harness {
  readonly clock = new FakeClock();
  readonly website = new Website();
  readonly #scratch = scratch();
  #redis: TestRedis | undefined;
  #link: RedisLink | undefined;
  #service: SiteService | undefined;
  #mailer: Mailer | undefined;
  #audit: AuditTrail | undefined;
  #store: SiteStore | undefined;

  static async start(options: HarnessOptions = {}): Promise<Harness> {
    const harness = new Harness();
    harness.#redis = await startTestRedis(options.redisArguments);
    await harness.website.start();
    harness.#link = await harness.#redis.link();
    harness.#service = await harness.relay(options);
    return harness;
  }

  /** Another relay of the same fleet: its own service on the same Redis and the same secrets. */
  async relay(options: HarnessOptions = {}): Promise<SiteService> {
    const { clock, link } = this;
    const secretsDir = join(this.#scratch.dir, 'secrets');
    const [secrets, keys] = await Promise.all([
      FleetSecrets.load(secretsDir, random),
      SigningKeys.load(secretsDir, clock),
    ]);
    this.#mailer ??= new Mailer({
      mailUrl: undefined,
      mailFrom: 'OpenLock <openlock@localhost>',
      dataDir: this.#scratch.dir,
      clock,
      random,
      log: { warn: () => undefined },
    });
    this.#audit ??= new AuditTrail({ store: new AuditStore(link), clock, node: 'test', onError: () => undefined });
    this.#store ??= new SiteStore(link);
    return new SiteService({
      store: this.#store,
      mailer: this.#mailer,
      verifier: new OriginVerifier({ clock: systemClock, allowPrivateSites: true }),
      tokens: new AccessTokens({ keys, clock, random, issuers: () => [ISSUER], lifetimeSeconds: 900 }),
      keys,
      secrets,
      clock,
      random: options.random ?? random,
      audit: this.#audit,
      allowPrivateSites: true,
      siteRate: options.siteRate ?? 10,
      limits: { ...SITE_LIMITS, ...options.limits },
      ...(options.isStoreFull !== undefined && { isStoreFull: options.isStoreFull }),
    });
  }

  get link(): RedisLink {
    return this.#link ?? fail();
  }
  get redis(): TestRedis {
    return this.#redis ?? fail();
  }
  get sites(): SiteService {
    return this.#service ?? fail();
  }
  get store(): SiteStore {
    return this.#store ?? fail();
  }
  get audit(): AuditTrail {
    return this.#audit ?? fail();
  }

  /** Every mail sent so far, the oldest first. */
  async mails(): Promise<readonly string[]> {
    await this.#mailer?.idle();
    const outbox = join(this.#scratch.dir, 'outbox');
    try {
      return readdirSync(outbox)
        .filter((name) => name.endsWith('.eml'))
        .sort()
        .map((name) => readFileSync(join(outbox, name), 'utf8'));
    } catch {
      return [];
    }
  }

  /** The code of the newest mail. */
  async code(): Promise<string> {
    return codeIn((await this.mails()).at(-1) ?? '');
  }

  /** Logs in as far as the code. */
  async login(
    email = 'owner@shop.example',
    sites = this.sites,
  ): Promise<{ readonly login: LoginAnswer; readonly code: string }> {
    const login = await sites.login({ email, website: this.website.origin }, context());
    return { login, code: await this.code() };
  }

  /** Logs in all the way. */
  async session(email = 'owner@shop.example', sites = this.sites): Promise<TokenAnswer> {
    const { login, code } = await this.login(email, sites);
    this.website.token = login.website.challenge.token;
    return sites.token({ loginId: login.loginId, code }, context());
  }

  /** The audit entries of a site: what happened, then what came and went. */
  async auditOf(
    siteId: string,
  ): Promise<readonly { readonly kind: string; readonly code?: string; readonly actor: string }[]> {
    const { audit, auditTraffic } = siteKeys(siteId);
    const store = new AuditStore(this.link);
    const entries = await Promise.all([audit, auditTraffic].map((stream) => store.newest(stream, 100)));
    return entries.flat().map(({ text }) => JSON.parse(text) as { kind: string; actor: string });
  }

  /** Everything in the store, as text. */
  async dump(): Promise<string> {
    const admin = await RedisLink.open({
      clock: systemClock,
      url: this.redis.adminUrl,
      clientName: 'test-admin',
      commandTimeoutMs: 2000,
    });
    const keys = await admin.run((client) => client.keys('*'));
    const values = await Promise.all(keys.map((key) => admin.run((client) => valueOf(client, key))));
    await admin.close();
    return [...keys, ...values].join('\n');
  }

  async stop(): Promise<void> {
    await this.#mailer?.stop();
    await this.website.stop();
    await this.#redis?.stop();
    this.#scratch.remove();
  }
}

async function valueOf(client: RedisClient, key: string): Promise<string> {
  const readers: Record<string, () => Promise<unknown>> = {
    hash: () => client.hgetall(key),
    set: () => client.smembers(key),
    zset: () => client.zrange(key, 0, -1),
    list: () => client.lrange(key, 0, -1),
    stream: () => client.xrange(key, '-', '+'),
    string: () => client.get(key),
  };
  return JSON.stringify(await readers[await client.type(key)]?.());
}

export function codeIn(mail: string): string {
  const codes = mail.match(/(?<![0-9])[0-9]{8}(?![0-9])/g) ?? [];
  if (codes.length !== 1) throw new Error(`expected one code in the mail, found ${codes.length}`);
  return codes[0] ?? '';
}

export function otherCode(code: string, step = 1): string {
  return String((Number(code) + step) % 100_000_000).padStart(8, '0');
}

/** The code of the OpenLockError a promise is rejected with; `ok` when it is not rejected. */
export async function outcomeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'ok',
    (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : String(error)),
  );
}

function fail(): never {
  throw new Error('the harness is not started');
}
