import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import type { AuditEntry } from '../../../src/audit/entry.js';
import type { RolloutView } from '../../../src/operators/rollout-view.js';
import { AuditStore } from '../../../src/store/audit-store.js';
import { firmwareKeys } from '../../../src/store/keys.js';
import type { RedisLink } from '../../../src/store/redis-link.js';
import { makeCertificate } from '../../simulator/support/test-ca.js';
import { freePorts } from '../../support/redis.js';
import { Balancer } from '../support/balancer.js';
import { startRelayProcess, type RelayProcess } from '../support/relay-process.js';
import { quick, RolloutLab } from './support/lab.js';
import type { Watched } from './support/watched.js';

const DOORS = 10;
const BLOCKS = 40;

/** Issue: exactly one relay drives a rollout; when it dies another takes over within 15 s without offering anything twice. */
describe('a rollout and several relays', function () {
  this.timeout(120_000);
  let lab: RolloutLab;
  let link: RedisLink;
  let balancer: Balancer;
  let ca: string;
  let shared: Record<string, string>;
  let ports: readonly number[];
  const relays = new Map<string, RelayProcess>();

  before(async () => {
    lab = await RolloutLab.open();
    link = await lab.redis.link('openlock-test');
    balancer = await new Balancer().start();
    const certificate = makeCertificate();
    ca = certificate.ca;
    writeFileSync(join(lab.secretsDir, 'relay.pem'), certificate.cert);
    writeFileSync(join(lab.secretsDir, 'relay.key'), certificate.key, { mode: 0o600 });
    ports = await freePorts(2);
    shared = {
      OPENLOCK_REDIS_URL: lab.redis.url,
      OPENLOCK_SECRETS_DIR: lab.secretsDir,
      OPENLOCK_PUBLIC_URL: [balancer.url, ...ports.map((port) => `https://localhost:${port}`)].join(' '),
      OPENLOCK_TLS_CERT: join(lab.secretsDir, 'relay.pem'),
      OPENLOCK_TLS_KEY: join(lab.secretsDir, 'relay.key'),
      OPENLOCK_UPDATE_RATE: '0',
    };
    await Promise.all(['relay-a', 'relay-b'].map(startRelay));
    balancer.upstreams = [...ports];
    await lab.trustKey();
  });
  afterEach(() => lab.stopDoors());
  after(async () => {
    for (const relay of relays.values()) await relay.dispose();
    await balancer?.stop();
    await lab?.close();
  });

  async function startRelay(node: string): Promise<void> {
    const port = ports[node === 'relay-a' ? 0 : 1];
    relays.set(node, await startRelayProcess({ ...shared, OPENLOCK_NODE_ID: node, OPENLOCK_PORT: String(port) }, ca));
  }

  /** A driver is named with the incarnation of its process. */
  const nameOf = (node: string | undefined): string => (node ?? '').replace(/\..*$/, '');

  function relayNamed(node: string | undefined): RelayProcess {
    const found = relays.get(nameOf(node));
    if (found === undefined) throw new Error(`there is no relay ${node}`);
    return found;
  }

  const fleet = (): Promise<readonly Watched[]> =>
    lab.addDoors({ url: balancer.url, ca, dataDir: '' }, DOORS, () => ({ random: quick, update: { paceMs: 60 } }));
  const image = (fill: number): Buffer => Buffer.alloc(BLOCKS * 4096, fill);
  const stages = { stages: [{ percent: 40 }, { percent: 100 }], parallel: 4 };

  async function audit(rolloutId: string): Promise<readonly AuditEntry[]> {
    const { audit: acts, auditTraffic: steps } = firmwareKeys;
    const store = new AuditStore(link);
    const records = await Promise.all([acts, steps].map((stream) => store.read(stream, '-', 100_000)));
    // By the one clock that both streams share: the ids Redis gave.
    return records
      .flat()
      .sort((a, b) => parseInt(a.id, 10) - parseInt(b.id, 10))
      .map(({ text }) => JSON.parse(text) as AuditEntry)
      .filter((entry) => entry.rollout === rolloutId);
  }

  /** What holds at the end of any rollout, whatever happened to relays meanwhile. */
  async function expectUpdatedOnce(doors: readonly Watched[], view: RolloutView, version: string): Promise<void> {
    expect(view.counts.confirmed).to.equal(DOORS);
    for (const door of doors) {
      expect(door.version).to.equal(version);
      expect(door.count('rebooting'), `${door.doorId} restarts`).to.equal(1);
      expect(door.offeredOncePerConnection, `${door.doorId}: ${JSON.stringify(door.offers)}`).to.equal(true);
      expect(new Set(door.offers.flat()).size, `${door.doorId} is given one update`).to.equal(1);
      expect(door.door.updateCounts).to.include({ bytes: BLOCKS * 4096, strays: 0 });
    }
    const steps = (await audit(view.rolloutId)).filter(({ kind }) => kind === 'update_step');
    for (const door of doors) {
      const words = steps.filter((entry) => entry.door === door.doorId).map(({ code }) => code);
      expect(
        words.filter((code) => code === 'offered'),
        `${door.doorId}: ${words.join(', ')}`,
      ).to.have.length(1);
      expect(words.filter((code) => code === 'confirmed')).to.have.length(1);
    }
  }

  it('is driven by one of them, and reaches the doors of both', async () => {
    const doors = await fleet();
    const release = await lab.published('1.1.0', { image: image(1) });
    const { rolloutId } = await lab.start(release, stages);
    const view = await lab.ended(rolloutId, 'completed', 60_000);
    await expectUpdatedOnce(doors, view, '1.1.0');
    const entries = await audit(rolloutId);
    const drivers = new Set(
      entries
        .filter(
          ({ kind, code }) =>
            kind === 'rollout_stage' || kind === 'rollout_completed' || (kind === 'update_step' && code === 'offered'),
        )
        .map(({ node }) => node),
    );
    expect(drivers.size).to.equal(1);
    const served = new Set(
      entries
        .filter(({ kind, code }) => kind === 'update_step' && code === 'downloading')
        .map(({ node }) => nameOf(node)),
    );
    expect([...served].sort()).to.deep.equal(['relay-a', 'relay-b']);
  });

  it('goes on within 15 s when the driver is killed in the middle of a stage, and updates nobody twice', async () => {
    const doors = await fleet();
    const { rolloutId } = await lab.start(await lab.published('1.2.0', { image: image(2) }), stages);
    const before = await lab.until(rolloutId, ({ counts }) => counts.downloading >= 2);
    const killed = before.driver;
    await relayNamed(killed).kill();
    const killedAt = performance.now();
    await lab.until(rolloutId, ({ driver }) => driver !== killed, 15_000);
    const tookOverMs = performance.now() - killedAt;
    expect(tookOverMs).to.be.below(15_000);
    const view = await lab.ended(rolloutId, 'completed', 60_000);
    await expectUpdatedOnce(doors, view, '1.2.0');
    await relayNamed(killed).dispose();
    await startRelay(nameOf(killed));
  });

  it('keeps a driver that stood still from writing after another has taken over', async () => {
    const doors = await fleet();
    const { rolloutId } = await lab.start(await lab.published('1.3.0', { image: image(3) }), stages);
    const before = await lab.until(rolloutId, ({ counts }) => counts.downloading >= 2);
    const { child } = relayNamed(before.driver);
    child.kill('SIGSTOP');
    const after = await lab.until(rolloutId, ({ driver }) => driver !== before.driver, 15_000);
    child.kill('SIGCONT');
    const view = await lab.ended(rolloutId, 'completed', 60_000);
    await expectUpdatedOnce(doors, view, '1.3.0');
    const entries = (await audit(rolloutId)).filter(
      ({ kind, code }) => kind === 'rollout_stage' || (kind === 'update_step' && code === 'offered'),
    );
    const changes = entries.filter(({ node }, index) => index > 0 && node !== entries[index - 1]?.node);
    expect(changes.length, 'the one that stood still does not get it back in between').to.be.at.most(1);
    expect(after.driver).to.not.equal(before.driver);
  });
});
