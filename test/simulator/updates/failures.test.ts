import { randomBytes } from 'node:crypto';

import { expect } from 'chai';

import { MemoryStore } from '../../../src/simulator/store.js';
import type { UpdateFault } from '../../../src/simulator/updates/options.js';
import { until } from '../../support/counting.js';
import { blockFrame } from '../../support/releases.js';
import { ScriptedUpdate } from '../support/scripted-update.js';
import { FakeTime } from '../support/fake-time.js';
import { always, pinged, UpdateLab } from '../support/update-lab.js';

describe('A simulated door and updates that go wrong (protocol 12.5, 12.7)', () => {
  const lab = new UpdateLab();

  describe('what goes wrong on the way', () => {
    it('says hash_mismatch for an image that is another one, and starts over', async () => {
      const { peer } = await lab.connect();
      const good = lab.release();
      const image = Buffer.from(good.image);
      image.writeUInt8(image.readUInt8(5000) ^ 1, 5000);
      const update = new ScriptedUpdate(peer, 'u1', { ...good, image }).offer();
      expect(await update.phase('failed')).to.include({ code: 'hash_mismatch' });
      expect(lab.proved).to.include({ version: '1.0.0' });
      const again = new ScriptedUpdate(peer, 'u2', good).offer();
      expect(await again.phase('accept')).to.include({ offset: 0 });
      await again.phase('verified');
    });

    it('says size_mismatch for a block of another length', async () => {
      const { peer } = await lab.connect();
      const update = new ScriptedUpdate(peer, 'u1', lab.release());
      update.onGet = ({ offset }) => peer.socket.send(blockFrame(update.release.image, offset, 4000));
      expect(await update.offer().phase('failed')).to.include({ code: 'size_mismatch' });
    });

    it('says write_failed, and does not start an image, when the store fails at the switch', async () => {
      class FullStore extends MemoryStore {
        full = false;
        override save(state: Parameters<MemoryStore['save']>[0]): void {
          if (this.full) throw new Error('no room');
          super.save(state);
        }
      }
      const store = new FullStore();
      const { door, peer } = await lab.connect({}, { store });
      door.on('update', ({ phase }) => (store.full = phase === 'verified'));
      const update = new ScriptedUpdate(peer, 'u1', lab.release()).offer();
      expect(await update.phase('failed')).to.include({ code: 'write_failed' });
      expect(door.firmware.version).to.equal('1.0.0');
      expect(door.live).to.equal(true);
    });

    it('is back on the old image when the new one crashes, says so, and does not take it again', async () => {
      const { peer } = await lab.connect(always({ kind: 'boot_fails' }));
      const bad = lab.release();
      new ScriptedUpdate(peer, 'u1', bad).offer();
      const after = await lab.relay.arrival();
      expect(await new ScriptedUpdate(after, 'u1', bad).phase('rolled_back')).to.include({ code: 'boot_failed' });
      expect(lab.proved).to.include({ version: '1.0.0' });
      expect((await after.event('update')).data).to.deep.equal({
        phase: 'rolled_back',
        version: '1.1.0',
        code: 'boot_failed',
      });
      expect(await new ScriptedUpdate(after, 'u2', bad).offer().phase('refuse')).to.include({ code: 'failed_before' });
    });

    it('goes back after three minutes in which no relay welcomed it', async () => {
      const time = new FakeTime(Date.now());
      const { door, peer } = await lab.connect(always({ kind: 'never_welcomed' }), { time });
      const cutOff = new Promise<void>((resolve) =>
        door.on('trouble', ({ stage }) => stage === 'network' && resolve()),
      );
      new ScriptedUpdate(peer, 'u1', lab.release()).offer();
      await cutOff;
      expect(door.firmware.version).to.equal('1.1.0');
      time.advance(180_000);
      const after = await lab.relay.arrival();
      expect(await new ScriptedUpdate(after, 'u1', lab.release()).phase('rolled_back')).to.include({
        code: 'not_confirmed',
      });
      expect(lab.proved).to.include({ version: '1.0.0' });
    });

    it('goes back when it starts a second time before it was welcomed', async () => {
      const { door, peer } = await lab.connect();
      lab.relay.upgradeScript.push({ status: 503 });
      const refused = new Promise<void>((resolve) => door.on('trouble', ({ status }) => status === 503 && resolve()));
      new ScriptedUpdate(peer, 'u1', lab.release()).offer();
      await refused;
      door.restart();
      const after = await lab.relay.arrival();
      expect(await new ScriptedUpdate(after, 'u1', lab.release()).phase('rolled_back')).to.include({
        code: 'boot_failed',
      });
    });

    it('remembers the last four images that were taken back', async () => {
      const { peer: first, door } = await lab.connect(always({ kind: 'boot_fails' }));
      const bad = Array.from({ length: 5 }, (_, index) => lab.release({ version: `1.${index + 1}.0` }));
      let peer = first;
      for (const [index, one] of bad.entries()) {
        new ScriptedUpdate(peer, `u${index}`, one).offer();
        peer = await lab.relay.arrival();
        await new ScriptedUpdate(peer, `u${index}`, one).phase('rolled_back');
      }
      const answers = await Promise.all(
        bad.map(async (one, index) => {
          const update = new ScriptedUpdate(peer, `again-${index}`, one);
          update.onGet = () => undefined;
          update.offer();
          return Promise.race([
            update.phase('refuse').then(({ code }) => code),
            update.phase('accept').then(() => 'accepted'),
          ]);
        }),
      );
      expect(answers).to.deep.equal(['accepted', ...Array.from({ length: 4 }, () => 'failed_before')]);
      expect(door.firmware.version).to.equal('1.0.0');
    });
  });

  describe('faults for tests', () => {
    it('never answers an offer', async () => {
      const { door, peer } = await lab.connect(always({ kind: 'silent' }));
      new ScriptedUpdate(peer, 'u1', lab.release()).offer();
      await until(() => door.updateCounts.offers === 1);
      await pinged(peer);
      expect(peer.frames.filter(({ t }) => t === 'update')).to.deep.equal([]);
    });

    it('refuses with the code it is told', async () => {
      const { peer } = await lab.connect(always({ kind: 'refuses', code: 'busy' }));
      expect(await new ScriptedUpdate(peer, 'u1', lab.release()).offer().phase('refuse')).to.include({ code: 'busy' });
    });

    it('stalls, fails to write, goes offline and comes back, where it is told', async () => {
      const image = randomBytes(20 * 4096);
      const faults: readonly UpdateFault[] = [
        { kind: 'stalls', atPercent: 50 },
        { kind: 'write_fails', atPercent: 50 },
        { kind: 'goes_offline', atPercent: 50 },
      ];
      let turn = 0;
      const { door, peer } = await lab.connect({ fault: () => faults[turn] });
      const stalled = new ScriptedUpdate(peer, 'u0', lab.release({ image })).offer();
      await until(() => stalled.gets.length >= 10 && stalled.open.length === 0);
      await pinged(peer);
      expect(stalled.gets.length).to.be.within(10, 13);
      turn = 1;
      const unwritten = new ScriptedUpdate(
        peer,
        'u1',
        lab.release({ version: '1.2.0', image: randomBytes(20 * 4096) }),
      ).offer();
      expect(await unwritten.phase('failed')).to.include({ code: 'write_failed' });
      turn = 2;
      const cut = new ScriptedUpdate(peer, 'u2', lab.release({ image })).offer();
      await cut.phase('accept');
      const after = await lab.relay.arrival();
      const resumed = new ScriptedUpdate(after, 'u2', lab.release({ image })).offer();
      // What had arrived before the plug was pulled still counts.
      expect((await resumed.phase('accept')).offset / 4096).to.be.within(10, 13);
      await resumed.phase('verified');
      expect(door.updateImage?.equals(image)).to.equal(true);
    });

    it('lies: says confirmed from the old image', async () => {
      const { peer } = await lab.connect(always({ kind: 'lies' }));
      new ScriptedUpdate(peer, 'u1', lab.release()).offer();
      const after = await lab.relay.arrival();
      await new ScriptedUpdate(after, 'u1', lab.release()).phase('confirmed');
      expect(lab.proved).to.deep.equal({ version: '1.0.0', board: 'simulator', securityVersion: 2 });
    });
  });
});
