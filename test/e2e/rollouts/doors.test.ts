import { expect } from 'chai';

import { seal } from '../../simulator/support/seal.js';
import { startTestRelay, type TestRelay } from '../../support/relay.js';
import { call, loginTestSite, type TestSite } from '../../support/site.js';
import { doorOf, PASSWORD, RolloutLab } from './support/lab.js';

/** Protocol 12.3, 12.5, 12.6 door by door: who is offered what, and what each end is called. */
describe('doors of a rollout', function () {
  this.timeout(90_000);
  let lab: RolloutLab;
  let relay: TestRelay;

  before(async () => {
    lab = await RolloutLab.open();
    relay = await startTestRelay(lab.redis.url, { OPENLOCK_UPDATE_RATE: '0' });
    await lab.trustKey();
  });
  afterEach(() => lab.stopDoors());
  after(async () => {
    await relay?.stop();
    await lab?.close();
  });

  it('gives doors that are offline their turn when they return, and waits for them', async () => {
    const [here, away] = await lab.addDoors(relay, 2);
    await away?.door.stop();
    const { rolloutId } = await lab.start(await lab.published('1.1.0'));
    const waiting = await lab.until(rolloutId, ({ counts }) => counts.confirmed === 1);
    expect(doorOf(waiting, away?.doorId ?? '')).to.include({ state: 'waiting', online: false });
    expect(waiting.state).to.equal('running');
    const back = await lab.connect(relay, away?.doorId ?? '');
    await lab.ended(rolloutId, 'completed');
    expect([here?.version, back.version]).to.deep.equal(['1.1.0', '1.1.0']);
  });

  it('takes in a door that joins while it runs', async () => {
    const [slow] = await lab.addDoors(relay, 1, () => ({ update: { paceMs: 400 } }));
    const { rolloutId } = await lab.start(await lab.published('1.2.0'));
    await slow?.reaches('downloading');
    const joined = await lab.addDoor(relay);
    const view = await lab.ended(rolloutId, 'completed');
    expect(doorOf(view, joined.doorId).state).to.equal('confirmed');
    expect(view.total).to.equal(2);
  });

  it('leaves alone a door that is disabled, and doors of another board', async () => {
    const [good, disabled] = await lab.addDoors(relay, 2);
    const other = await lab.addDoor(relay, { firmware: { version: '1.0.0', board: 'esp32dev', securityVersion: 1 } });
    await lab.admin.disable(disabled?.doorId ?? '');
    const { rolloutId } = await lab.start(await lab.published('1.3.0'));
    const view = await lab.ended(rolloutId, 'completed');
    expect(view.doors.map(({ doorId }) => doorId)).to.deep.equal([good?.doorId]);
    expect(disabled?.count('offer')).to.equal(0);
    expect(other.count('offer')).to.equal(0);
  });

  it('asks no door that has the image, or that runs a newer one, or whose security version is higher', async () => {
    const doors = [
      await lab.addDoor(relay, { firmware: { version: '9.0.0', board: 'simulator', securityVersion: 1 } }),
      await lab.addDoor(relay, { firmware: { version: '1.0.0', board: 'simulator', securityVersion: 2 } }),
    ];
    const release = await lab.published('1.4.0');
    const has = await lab.addDoor(relay, {
      firmware: { version: '1.4.0', board: 'simulator', securityVersion: 1, sha256: release.sha256 },
    });
    const { rolloutId } = await lab.start(release);
    const view = await lab.ended(rolloutId, 'completed');
    expect(doors.map(({ doorId }) => doorOf(view, doorId).code)).to.deep.equal(['downgrade', 'security_version']);
    expect(doorOf(view, has.doorId).state).to.equal('confirmed');
    for (const door of [...doors, has]) expect(door.count('offer')).to.equal(0);
  });

  it('calls every end by its name, and counts success by the proof alone', async () => {
    const door = (update: NonNullable<Parameters<RolloutLab['addDoor']>[1]>['update'] = {}) =>
      lab.addDoor(relay, { update });
    const cases = [
      { door: await door(), state: 'confirmed', code: undefined },
      {
        door: await door({ fault: () => ({ kind: 'refuses', code: 'no_space' }) }),
        state: 'refused',
        code: 'no_space',
      },
      { door: await door({ releaseKeys: [] }), state: 'refused', code: 'unknown_key' },
      { door: await door({ slotBytes: 50_000 }), state: 'refused', code: 'no_space' },
      { door: await door({ fault: () => ({ kind: 'flips_byte' }) }), state: 'failed', code: 'hash_mismatch' },
      {
        door: await door({ fault: () => ({ kind: 'write_fails', atPercent: 60 }) }),
        state: 'failed',
        code: 'write_failed',
      },
      { door: await door({ fault: () => ({ kind: 'boot_fails' }) }), state: 'rolled_back', code: 'boot_failed' },
      {
        door: await door({ fault: () => ({ kind: 'never_welcomed' }), trialMs: 1500 }),
        state: 'rolled_back',
        code: 'not_confirmed',
      },
      { door: await door({ fault: () => ({ kind: 'silent' }) }), state: 'timed_out', code: undefined },
      { door: await door({ fault: () => ({ kind: 'stalls', atPercent: 40 }) }), state: 'timed_out', code: undefined },
      {
        door: await door({ fault: () => ({ kind: 'goes_offline', atPercent: 40 }) }),
        state: 'confirmed',
        code: undefined,
      },
      // Nothing but `confirmed` comes from the old image: the relay hears no reason, and the time runs out.
      { door: await door({ fault: () => ({ kind: 'lies' }) }), state: 'timed_out', code: undefined },
    ];
    const { rolloutId } = await lab.start(await lab.published('1.5.0', { image: Buffer.alloc(40 * 4096, 2) }), {
      maxFailures: { count: 100 },
      doorTimeoutMs: 8000,
    });
    const view = await lab.ended(rolloutId, 'completed', 60_000);
    for (const { door: watched, state, code } of cases) {
      const { state: was, code: why } = doorOf(view, watched.doorId);
      expect([was, why], watched.doorId).to.deep.equal([state, code]);
      expect(watched.version).to.equal(state === 'confirmed' ? '1.5.0' : '1.0.0');
      expect(watched.offeredOncePerConnection).to.equal(true);
    }
    expect(view.counts.confirmed).to.equal(2);
  });

  it('offers the same update again after a reconnect, and the door goes on where it was', async () => {
    const image = Buffer.alloc(80 * 4096, 3);
    const door = await lab.addDoor(relay, {
      update: { paceMs: 20, fault: () => ({ kind: 'goes_offline', atPercent: 50, forMs: 1000 }) },
    });
    const { rolloutId } = await lab.start(await lab.published('1.6.0', { image }));
    const view = await lab.ended(rolloutId, 'completed');
    const [first = [], second = []] = door.offers.filter((ids) => ids.length > 0);
    expect([first.length, second.length]).to.deep.equal([1, 1]);
    expect(second).to.deep.equal(first);
    expect(door.steps.filter(({ phase }) => phase === 'accept').map(({ offset = 0 }) => offset > 0)).to.deep.equal([
      false,
      true,
    ]);
    expect(door.door.updateCounts).to.include({ bytes: image.length, strays: 0 });
    // Sent twice at most: what was outstanding when the socket broke.
    expect(view.bytesSent).to.be.within(image.length, image.length + 4 * 4096);
  });

  it('goes on from the download when the door loses its power, and boots the new image when it loses it after the switch', async () => {
    const image = Buffer.alloc(40 * 4096, 5);
    const [early, late] = await lab.addDoors(relay, 2, () => ({ update: { paceMs: 20 } }));
    const { rolloutId } = await lab.start(await lab.published('1.7.0', { image }));
    late?.door.on('update', ({ phase }) => phase === 'rebooting' && late.door.killSocket());
    await early?.reaches('downloading');
    early?.door.restart();
    const view = await lab.ended(rolloutId, 'completed');
    expect(view.counts.confirmed).to.equal(2);
    expect(early?.door.updateCounts.bytes).to.equal(image.length);
  });

  describe('commands meanwhile', () => {
    let site: TestSite;
    before(async () => {
      site = await loginTestSite(relay);
    });
    after(() => site?.stop());

    it('reach a door while it downloads', async () => {
      const door = await lab.addDoor(relay, { update: { paceMs: 30 } });
      await lab.admin.grant(door.doorId, site.siteId, { role: 'user' });
      const { rolloutId } = await lab.start(await lab.published('1.8.0', { image: Buffer.alloc(60 * 4096, 1) }));
      await door.reaches('downloading');
      let commands = 0;
      while (door.step('verified') === undefined) {
        const lock = seal({
          publicPem: lab.identity.publicPem,
          kid: lab.identity.kid,
          door: door.doorId,
          password: PASSWORD,
          act: 'lock',
        });
        const { status, body } = await call(relay, 'POST', `/v1/doors/${door.doorId}/commands`, {
          token: site.accessToken,
          body: { jwe: lock.jwe },
        });
        if (door.step('verified') === undefined) expect(status, JSON.stringify(body)).to.equal(200);
        commands += 1;
      }
      expect(commands).to.be.above(5);
      expect(door.executed.length).to.be.above(5);
      await lab.ended(rolloutId, 'completed');
      expect(door.door.duplicates).to.equal(0);
    });
  });
});
