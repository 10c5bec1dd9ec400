import { randomBytes } from 'node:crypto';

import { expect } from 'chai';

import { MemoryStore } from '../../../src/simulator/store.js';
import { until } from '../../support/counting.js';
import { blockFrame } from '../../support/releases.js';
import { FakeTime } from '../support/fake-time.js';
import { ScriptedUpdate } from '../support/scripted-update.js';
import { pinged, UpdateLab } from '../support/update-lab.js';

describe('A simulated door and a good release (protocol 12.4)', () => {
  const lab = new UpdateLab();

  describe('a good release', () => {
    it('is asked for in blocks of 4096, four at a time, checked, started and confirmed from the new image', async () => {
      const { door, peer } = await lab.connect();
      const good = lab.release();
      const update = new ScriptedUpdate(peer, 'u1', good).offer();
      expect(await update.phase('accept')).to.include({ offset: 0 });
      await update.phase('rebooting');
      expect(update.phases).to.deep.equal(['accept', 'downloading', 'verified', 'rebooting']);
      expect(update.gets.map(({ offset, length }) => [offset, length])).to.deep.equal([
        [0, 4096],
        [4096, 4096],
        [8192, 4096],
        [12_288, 777],
      ]);
      expect(await peer.closed).to.equal(1001);
      const after = await lab.relay.arrival();
      expect(lab.proved).to.deep.equal({
        version: '1.1.0',
        board: 'simulator',
        securityVersion: 2,
        sha256: good.sha256,
      });
      expect(after.hello.firmware).to.deep.equal({ version: '1.1.0', board: 'simulator', securityVersion: 2 });
      await new ScriptedUpdate(after, 'u1', good).phase('confirmed');
      expect(door.updateImage?.equals(good.image)).to.equal(true);
      expect(door.updateCounts).to.deep.equal({ offers: 1, bytes: good.image.length, strays: 0 });
    });

    it('has four gets outstanding at most, and takes blocks in any order', async () => {
      const { door, peer } = await lab.connect();
      const long = lab.release({ image: randomBytes(20 * 4096) });
      const update = new ScriptedUpdate(peer, 'u1', long);
      update.onGet = () => {
        if (update.open.length === 4) for (const index of [3, 1, 0, 0]) update.answer(index);
      };
      update.offer();
      await update.phase('verified');
      expect(update.mostOutstanding).to.equal(4);
      expect(door.updateImage?.equals(long.image)).to.equal(true);
    });

    it('tells its percentage once a second at most', async () => {
      const time = new FakeTime(Date.now());
      const { peer } = await lab.connect({}, { time });
      const long = lab.release({ image: randomBytes(10 * 4096) });
      const update = new ScriptedUpdate(peer, 'u1', long);
      update.onGet = () => {
        time.advance(300);
        update.answer();
      };
      update.offer();
      await update.phase('verified');
      const told = peer.frames.flatMap((frame) =>
        frame.t === 'update' && frame.phase === 'downloading' ? [frame.percent] : [],
      );
      expect(told.length).to.be.within(2, 4);
      expect(told).to.deep.equal([...told].sort((a, b) => a - b));
    });

    it('obeys commands while it downloads', async () => {
      const { peer } = await lab.connect();
      const update = new ScriptedUpdate(peer, 'u1', lab.release());
      update.onGet = () => undefined;
      update.offer();
      await update.phase('get');
      const unlock = lab.command('unlock');
      expect((await peer.command(unlock)).status).to.equal(200);
      update.onGet = () => update.answer();
      while (update.open.length > 0) update.answer();
      await update.phase('verified');
    });

    it('keeps the new image, its security version and its digest across a power cycle', async () => {
      const store = new MemoryStore();
      const { door, peer } = await lab.connect({}, { store });
      new ScriptedUpdate(peer, 'u1', lab.release({ securityVersion: 5 })).offer();
      await new ScriptedUpdate(await lab.relay.arrival(), 'u1', lab.release()).phase('confirmed');
      await door.stop();
      const { door: again, peer: newPeer } = await lab.connect({}, { store });
      expect(again.firmware).to.include({ version: '1.1.0', securityVersion: 5 });
      const update = new ScriptedUpdate(newPeer, 'u2', lab.release({ version: '2.0.0', securityVersion: 4 })).offer();
      expect(await update.phase('refuse')).to.include({ code: 'security_version' });
    });
  });

  describe('resuming', () => {
    it('goes on at the last whole block after the socket broke', async () => {
      const { door, peer } = await lab.connect();
      const long = lab.release({ image: randomBytes(10 * 4096) });
      const first = new ScriptedUpdate(peer, 'u1', long);
      first.onGet = ({ offset }) => {
        if (offset < 5 * 4096) first.answer();
        else peer.socket.terminate();
      };
      first.offer();
      const after = await lab.relay.arrival();
      const second = new ScriptedUpdate(after, 'u1', long).offer();
      const { offset } = await second.phase('accept');
      expect(offset % 4096).to.equal(0);
      expect(offset).to.be.within(2 * 4096, 5 * 4096);
      await second.phase('verified');
      expect(door.updateImage?.equals(long.image)).to.equal(true);
      expect(door.updateCounts).to.include({ bytes: long.image.length, strays: 0 });
    });

    it('goes on after a power cut, and starts over with another image', async () => {
      const { door, peer } = await lab.connect();
      const long = lab.release({ image: randomBytes(10 * 4096) });
      const first = new ScriptedUpdate(peer, 'u1', long);
      first.onGet = ({ offset }) => {
        if (offset < 3 * 4096) first.answer();
        else if (first.open.length === 4) door.restart();
      };
      first.offer();
      const after = await lab.relay.arrival();
      const again = new ScriptedUpdate(after, 'u2', long);
      again.onGet = () => undefined;
      expect(await again.offer().phase('accept')).to.include({ offset: 3 * 4096 });
      const other = new ScriptedUpdate(after, 'u3', lab.release({ version: '1.2.0' })).offer();
      expect(await other.phase('accept')).to.include({ offset: 0 });
      await other.phase('verified');
    });

    it('boots the new image when the power goes right after the switch', async () => {
      const { door, peer, steps } = await lab.connect();
      door.on('update', ({ phase }) => phase === 'rebooting' && door.killSocket());
      new ScriptedUpdate(peer, 'u1', lab.release()).offer();
      const after = await lab.relay.arrival();
      expect(lab.proved).to.include({ version: '1.1.0' });
      await new ScriptedUpdate(after, 'u1', lab.release()).phase('confirmed');
      expect(steps.map(({ phase }) => phase)).to.include.members(['verified', 'rebooting', 'confirmed']);
    });
  });

  describe('offers that cross', () => {
    it('ignores the offer it is working on', async () => {
      const { door, peer } = await lab.connect();
      const update = new ScriptedUpdate(peer, 'u1', lab.release());
      update.onGet = () => undefined;
      await update.offer().phase('get');
      update.offer();
      await until(() => door.updateCounts.offers === 2);
      update.onGet = () => update.answer();
      while (update.open.length > 0) update.answer();
      await update.phase('verified');
      expect(update.phases.filter((phase) => phase === 'accept')).to.have.length(1);
    });

    it('lets a newer offer take the place of a download, and counts blocks of the older one as strays', async () => {
      const { door, peer } = await lab.connect();
      const old = new ScriptedUpdate(peer, 'u1', lab.release());
      old.onGet = () => undefined;
      await old.offer().phase('get');
      await until(() => old.open.length === 4);
      const newer = lab.release({ version: '1.2.0', image: randomBytes(9000) });
      const update = new ScriptedUpdate(peer, 'u2', newer).offer();
      await update.phase('accept');
      peer.socket.send(blockFrame(old.release.image, 12_288, 777));
      await update.phase('verified');
      expect(door.updateCounts.strays).to.equal(1);
      expect(door.updateImage?.equals(newer.image)).to.equal(true);
    });

    it('gives up a download that gets no byte for a minute, and is free for another', async () => {
      const time = new FakeTime(Date.now());
      const { peer } = await lab.connect({}, { time });
      const old = new ScriptedUpdate(peer, 'u1', lab.release());
      old.onGet = ({ offset }) => offset === 0 && old.answer();
      await old.offer().phase('downloading');
      for (let beat = 0; beat < 6; beat += 1) {
        const seen = peer.frames.length;
        time.advance(10_000);
        await until(() => peer.frames.length > seen);
        await pinged(peer);
      }
      old.onGet = () => old.answer();
      expect(await old.offer().phase('accept')).to.include({ offset: 0 });
      await old.phase('verified');
      expect(old.peer.frames.filter((frame) => frame.t === 'update' && frame.phase === 'accept')).to.have.length(2);
    });

    it('closes a socket that sends blocks to a door without release keys', async () => {
      const { peer } = await lab.connect({ releaseKeys: [] });
      peer.socket.send(blockFrame(lab.release().image, 0, 100));
      expect(await peer.closed).to.equal(4004);
    });
  });
});
