/** A real relay on a real Redis with an honest site and door; the attackers come from other addresses of this machine. */
import { readFileSync } from 'node:fs';

import { expect } from 'chai';

import type { DoorAdmin } from '../../../src/operators/doors.js';
import { startRelayProcess, type RelayProcess } from '../../e2e/support/relay-process.js';
import { openAdmin, startTestRedis, type TestRedis } from '../../support/redis.js';
import { doorAdmin, type TestRelay } from '../../support/relay.js';
import { loginTestSite, type TestSite } from '../../support/site.js';
import { Honest, type Latencies } from './honest.js';
import { SIZES } from './sizes.js';

export const DOOR = 'front-door';
export const OWNER = 'owner@example.test';

/** Of protocol 8, where other tests raise them. */
export const LIMITS_OF_THE_PROTOCOL = {
  OPENLOCK_ADDRESS_RATE: '',
  OPENLOCK_SITE_RATE: '',
  OPENLOCK_ADDRESS_SOCKETS: '',
  OPENLOCK_SITE_SOCKETS: '',
  OPENLOCK_ADDRESS_HANDSHAKES: '',
  OPENLOCK_ADDRESS_CONNECTIONS: '',
} as const;

export class Scene {
  readonly #sites: TestSite[] = [];
  #honest: Honest | undefined;
  /** The honest p50 before any attack. */
  quiet: Latencies | undefined;

  private constructor(
    readonly redis: TestRedis,
    readonly relay: RelayProcess,
    readonly admin: DoorAdmin,
  ) {}

  static async open(environment: Readonly<Record<string, string>> = {}): Promise<Scene> {
    const redis = await startTestRedis();
    const relay = await startRelayProcess({ OPENLOCK_REDIS_URL: redis.url, ...environment });
    return new Scene(redis, relay, doorAdmin(await redis.link('openlock-cli')));
  }

  /** The relay, as helpers for relays in this process want it. */
  get asTestRelay(): TestRelay {
    return { ...this.relay, app: undefined as never, stop: () => Promise.resolve() };
  }

  async site(email: string): Promise<TestSite> {
    const site = await loginTestSite(this.asTestRelay, email);
    this.#sites.push(site);
    return site;
  }

  /** Puts the honest site and door to work. `token`: of a site that is logged in already. */
  async startHonest(owner?: TestSite): Promise<Honest> {
    const site = owner ?? (await this.site(OWNER));
    const { enrolmentToken } = await this.admin.add(DOOR, {});
    await this.admin.grant(DOOR, site.siteId, { role: 'user' });
    const { url, ca, dataDir } = this.relay;
    this.#honest = await Honest.start({
      ...{ relay: { url, ca, dataDir }, doorId: DOOR, enrolmentToken, token: site.accessToken },
    });
    await new Promise((resolve) => setTimeout(resolve, SIZES.quietMs));
    this.quiet = await this.#honest.mark();
    expect(this.quiet.failures).to.deep.equal([]);
    return this.#honest;
  }

  /** Does something evil. Afterwards the relay lives, and no command of the honest site failed or waited long. */
  async during<T>(attack: () => Promise<T>): Promise<{ readonly result: T; readonly during: Latencies }> {
    if (this.#honest === undefined || this.quiet === undefined) throw new Error('nobody honest is there');
    await this.#honest.mark();
    const result = await attack();
    const during = await this.#honest.mark();
    this.expectAlive();
    expect(during.failures, 'honest commands that failed').to.deep.equal([]);
    // In the test command other suites run beside this one; alone, an attack may not cost more than this.
    const mostMs = SIZES.isFull ? 3 * this.quiet.p50Ms + 25 : 1_000;
    if (during.commands > 0) expect(during.p50Ms, 'honest p50 while it ran').to.be.below(mostMs);
    return { result, during };
  }

  expectAlive(): void {
    expect([this.relay.child.exitCode, this.relay.child.signalCode], 'the relay lives').to.deep.equal([null, null]);
  }

  /** Resident memory of the relay in MiB. */
  rssMiB(): number {
    const status = readFileSync(`/proc/${this.relay.child.pid ?? 0}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024;
  }

  /** `used_memory` of Redis in MiB. */
  async redisMiB(): Promise<number> {
    const link = await openAdmin(this.redis);
    const info = await link.run((client) => client.info('memory'));
    await link.close();
    return Number(/^used_memory:(\d+)/m.exec(info)?.[1]) / 2 ** 20;
  }

  async close(): Promise<void> {
    await this.#honest?.stop();
    for (const site of this.#sites) await site.stop();
    await this.relay.dispose();
    await this.redis.stop();
  }
}
