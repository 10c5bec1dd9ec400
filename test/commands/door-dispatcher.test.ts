import { expect } from 'chai';

import { settle } from '../support/fake-clock.js';
import { commandRoom, DOOR, TIMEOUT_MS } from './support.js';

const ID = 'A'.repeat(43);
const MINUTE = 29_000_000;
const HINT = { t: 'claim', commands: [{ door: DOOR, id: ID, minute: String(MINUTE) }] };

describe("the door's side of a command, in its own time (protocol 6.7)", () => {
  let room: ReturnType<typeof commandRoom>;

  beforeEach(() => {
    room = commandRoom();
  });

  const command = () => ({
    ...{ doorId: DOOR, commandId: ID, minute: MINUTE },
    ...{ jwe: 'jwe', deadline: room.clock.now() + TIMEOUT_MS },
  });

  it('claims what a hint is about, and writes it', async () => {
    const link = room.attach();
    await room.tell(HINT);
    expect(link.sent).to.deep.equal([{ t: 'command', id: ID, jwe: 'jwe', deadline: room.clock.now() + TIMEOUT_MS }]);
    expect(room.dispatcher.awaits(ID)).to.equal(true);
  });

  it('leaves a hint alone when the door is not here', async () => {
    await room.tell(HINT);
    expect(room.store.asked).to.deep.equal([]);
  });

  it('writes nothing when the claim was not confirmed: its deadline ends the command', async () => {
    const link = room.attach();
    room.store.isAway = true;
    await room.tell(HINT);
    expect(link.sent).to.deep.equal([]);
    expect(room.failures).to.deep.equal(['claim']);
    expect(room.dispatcher.inFlight).to.equal(0);
  });

  it('expires in the store what the connection would not take', async () => {
    const link = room.attach();
    link.takes = false;
    expect(await room.dispatcher.deliver(link, command())).to.equal(false);
    expect(room.store.asked.map(({ call }) => call)).to.deep.equal([`abandon ${DOOR}`]);
    expect(room.dispatcher.awaits(ID)).to.equal(false);
    expect(room.dispatcher.inFlight).to.equal(0);
  });

  it('says so when even that fails', async () => {
    const link = room.attach();
    link.takes = false;
    room.store.isAway = true;
    expect(await room.dispatcher.deliver(link, command())).to.equal(false);
    expect(room.failures).to.deep.equal(['abandon']);
  });

  it('keeps an answer while the store is away, and tries every half second', async () => {
    const link = room.attach();
    await room.dispatcher.deliver(link, command());
    room.store.isAway = true;
    const stored = room.dispatcher.onResult(DOOR, { t: 'result', id: ID, status: 200 });
    await room.clock.advance(1900);
    expect(room.store.timesOf('settle')).to.deep.equal([0, 500, 1000, 1500]);
    expect(room.dispatcher.inFlight, 'a stop waits for it').to.equal(1);
    room.store.isAway = false;
    await room.clock.advance(100);
    await stored;
    expect(room.store.state).to.equal('executed');
    expect(room.dispatcher.inFlight).to.equal(0);
  });

  it('gives an answer up after ten minutes, and at once when it stops', async () => {
    const link = room.attach();
    room.store.isAway = true;
    for (const end of [() => room.clock.advance(601_000), () => Promise.resolve(room.dispatcher.stop())]) {
      await room.dispatcher.deliver(link, command());
      const stored = room.dispatcher.onResult(DOOR, { t: 'result', id: ID, status: 200 });
      await settle();
      await end();
      await stored;
      expect(room.dispatcher.inFlight).to.equal(0);
    }
  }).timeout(60_000);

  it("takes no answer from another door than the command's", async () => {
    await room.dispatcher.deliver(room.attach(), command());
    await room.dispatcher.onResult('back-door', { t: 'result', id: ID, status: 200 });
    expect(room.store.timesOf('settle')).to.deep.equal([]);
    expect(room.dispatcher.awaits(ID)).to.equal(true);
  });

  it('has the end of a command nobody answered written down, a second after its deadline', async () => {
    await room.dispatcher.deliver(room.attach(), command());
    await room.clock.advance(TIMEOUT_MS + 999);
    expect(room.store.timesOf('read')).to.deep.equal([]);
    await room.clock.advance(1);
    expect(room.store.timesOf('read')).to.deep.equal([TIMEOUT_MS + 1000]);
    expect(room.dispatcher.awaits(ID)).to.equal(false);
  });
});
