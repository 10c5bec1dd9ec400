import { expect } from 'chai';

import { makeReleaseKey } from '../../support/releases.js';
import { asRelease, faultyImage, scriptImage, type Fault } from '../../support/virtual-images.js';
import { needVirtualDoor } from '../virtual-door/support/host-door.js';
import { UpdateScene } from './support/update-scene.js';

describe('a virtual door that is updated over the air', function () {
  this.timeout(60_000);
  let scene: UpdateScene;

  before(async function () {
    await needVirtualDoor(this);
    scene = await UpdateScene.start();
  });

  after(() => scene?.end());

  it('takes the bytes in order and once, proves the new image, and says where it is on the way', async () => {
    const release = scene.release({ version: '0.2.0', size: 600_000 });
    const offer = await scene.update(release);
    expect(offer.accepted).to.deep.equal([0]);
    expect(offer.bytes).to.equal(600_000);
    const phases = offer.frames.map(({ phase }) => phase).filter((phase) => phase !== 'get' && phase !== 'downloading');
    expect(phases).to.deep.equal(['accept', 'verified', 'rebooting', 'confirmed']);
    expect(scene.door.lines.filter(({ t }) => t === 'update').map((line) => line['phase'])).to.include.members([
      'progress',
      'verified',
      'rebooting',
      'confirmed',
    ]);
    await scene.door.line({ t: 'door', version: '0.2.0' });
    scene.neverOpened();
  });

  it('keeps what was done with its release keys since they were given as an argument', async () => {
    const releaseKeys = async (): Promise<unknown> => {
      const since = scene.door.mark;
      scene.door.say('show');
      return (await scene.door.lineMatching('text', /^releaseKeys = /, since))['text'];
    };
    expect(await releaseKeys()).to.equal('releaseKeys = (set)');
    for (const text of ['set releaseKeys', '.', 'commit']) scene.door.say(text);
    expect(await releaseKeys()).to.equal('releaseKeys = (not set)');
    await scene.door.kill();
    await scene.boot(['--release-key', scene.keyFile]);
    expect(await releaseKeys(), 'given again').to.equal('releaseKeys = (not set)');
    await scene.door.kill();
    await scene.boot(['--release-key', scene.state.file(`${makeReleaseKey().pem}${scene.key.pem}`)]);
    expect(await releaseKeys(), 'given anew').to.equal('releaseKeys = (set)');
  });

  it('goes from slot to slot, and stays what it is after a power cut', async () => {
    const third = scene.release({ version: '0.3.0' });
    const since = scene.door.mark;
    await scene.update(third);
    expect(scene.slots.state).to.deep.equal({ active: 'b', previous: 'a', trial: 'valid' });
    const fourth = scene.release({ version: '0.4.0' });
    await scene.update(fourth);
    expect(scene.slots.state).to.deep.equal({ active: 'a', previous: 'b', trial: 'valid' });
    expect(scene.door.lines.slice(since).filter(({ t }) => t === 'image')).to.deep.equal([
      { t: 'image', slot: 'b', trial: true },
      { t: 'image', slot: 'a', trial: true },
    ]);
    await scene.door.kill();
    await scene.boot();
    scene.runs(fourth);
  });

  it('goes on where it was after a cut connection, with at most one block sent twice', async () => {
    const release = scene.release({ version: '0.5.0', size: 600_000 });
    const offer = scene.relay.offer(release);
    const cuts = [0, 4096, 200_704, 598_016];
    offer.onGet = (offset) => {
      if (offset !== cuts[0]) return true;
      cuts.shift();
      scene.relay.drop();
      return false;
    };
    await scene.relay.frame(offer, 'confirmed');
    expect(offer.accepted).to.deep.equal([0, 0, 4096, 200_704, 598_016]);
    expect(offer.bytes).to.equal(600_000);
    scene.relay.withdraw();
    scene.runs(release);
  });

  const losers: readonly { readonly title: string; readonly fault: Fault; readonly code: string }[] = [
    { title: 'crashes at boot', fault: 'crashes', code: 'boot_failed' },
    { title: 'hangs', fault: 'hangs', code: 'boot_failed' },
    { title: 'cannot reach the relay', fault: 'unreachable', code: 'not_confirmed' },
  ];
  losers.forEach(({ title, fault, code }, index) => {
    it(`returns to the old image from one that ${title}, says why, and does not take it again`, async () => {
      const before = scene.relay.proven;
      const release = scene.sign(asRelease(await faultyImage(fault), { version: `0.6.${index}` }));
      const offer = scene.relay.offer(release);
      await scene.relay.frame(offer, 'rebooting');
      expect(await scene.relay.frame(offer, 'rolled_back')).to.include({ code });
      expect(await scene.relay.frame(offer, 'refuse')).to.include({ code: 'failed_before' });
      scene.relay.withdraw();
      expect(scene.relay.proven).to.deep.equal(before);
      expect(scene.slots.state).to.include({ active: 'b', trial: 'aborted' });
      scene.neverOpened();
    });
  });

  it('returns as well when the power is cut in the middle of the trial', async () => {
    const before = scene.relay.proven;
    const offer = scene.relay.offer(scene.sign(scriptImage('exec sleep 1000'), { version: '0.7.0' }));
    await scene.door.line({ t: 'image', trial: true }, scene.door.mark);
    await scene.door.kill();
    await scene.boot();
    expect(await scene.relay.frame(offer, 'rolled_back')).to.include({ code: 'boot_failed' });
    expect(scene.relay.proven).to.deep.equal(before);
    scene.relay.withdraw();
  });

  it('takes a better one after all these', async () => {
    await scene.update(scene.release({ version: '0.8.0' }));
    scene.neverOpened();
  });
});
