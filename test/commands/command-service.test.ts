import { expect } from 'chai';

import type { OpenLockError } from '../../src/protocol/problem.js';
import { idOf, lookalike } from '../support/envelopes.js';
import { settle } from '../support/fake-clock.js';
import { commandRoom, CONTEXT, DOOR, SITE, TIMEOUT_MS } from './support.js';

const KID = 'k'.repeat(42) + 'A';
/** After the deadline a door's answer may still be on its way through the store. */
const GRACE_MS = 100;

describe('a command, in its own time (protocol 6.7)', () => {
  let room: ReturnType<typeof commandRoom>;
  let jwe: string;
  let id: string;
  /** How the sender was answered: a state, or the code of a refusal; `undefined` while it waits. */
  let heard: string | undefined;
  let refusal: OpenLockError | undefined;

  beforeEach(() => {
    room = commandRoom();
    jwe = lookalike(DOOR, { kid: KID, iat: room.clock.now() });
    id = idOf(jwe);
    heard = undefined;
    refusal = undefined;
  });

  async function submit(): Promise<void> {
    room.service.submit(SITE, DOOR, jwe, CONTEXT).then(
      ({ state }) => (heard = state),
      (error: unknown) => {
        refusal = error as OpenLockError;
        heard = refusal.code;
      },
    );
    await settle();
  }

  it('of a door elsewhere is answered as soon as the other relay tells', async () => {
    await submit();
    await room.clock.advance(120);
    await room.tell({ t: 'settled', commands: [{ id, state: 'executed', status: 200, receipt: 'opened' }] });
    await settle();
    expect(heard).to.equal('executed');
    expect(room.store.timesOf('nudge'), 'nothing was lost').to.deep.equal([]);
    await room.clock.advance(TIMEOUT_MS);
    expect(room.store.timesOf('nudge')).to.deep.equal([]);
  });

  it('is hinted at again after 300 and after 1,500 ms, and no further', async () => {
    await submit();
    await room.clock.advance(TIMEOUT_MS + GRACE_MS);
    expect(room.store.timesOf('nudge')).to.deep.equal([300, 1500]);
  });

  for (const [state, answer] of [
    ['executed', 'executed'],
    ['refused', 'door_refused'],
    ['expired', 'door_offline'],
  ] as const) {
    it(`that is ${state} already when the message about it is lost is answered with the next hint`, async () => {
      await submit();
      room.store.state = state;
      await room.clock.advance(299);
      expect(heard).to.equal(undefined);
      await room.clock.advance(1);
      expect(heard).to.equal(answer);
      expect(room.store.timesOf('read')).to.deep.equal([300]);
    });
  }

  it('whose first hint found it still under way is answered with the second', async () => {
    await submit();
    room.store.state = 'claimed';
    await room.clock.advance(1000);
    room.store.state = 'executed';
    await room.clock.advance(499);
    expect(heard).to.equal(undefined);
    await room.clock.advance(1);
    expect(heard).to.equal('executed');
  });

  it('does not end because a hint cannot be given', async () => {
    await submit();
    room.store.isAway = true;
    await room.clock.advance(2000);
    expect(room.failures).to.deep.equal(['nudge', 'nudge']);
    expect(heard).to.equal(undefined);
    room.store.isAway = false;
    await room.tell({ t: 'settled', commands: [{ id, state: 'executed' }] });
    await settle();
    expect(heard).to.equal('executed');
  });

  for (const [state, answer, said] of [
    ['executed', 'executed', ''],
    ['refused', 'door_refused', ''],
    ['expired', 'door_timeout', 'certainly not sent'],
    ['indeterminate', 'door_timeout', 'may have run'],
    ['claimed', 'door_timeout', 'may have run'],
  ] as const) {
    it(`is what the store says at its deadline, and a little after: ${state}`, async () => {
      await submit();
      await room.clock.advance(TIMEOUT_MS + GRACE_MS - 1);
      room.store.state = state;
      expect(heard).to.equal(undefined);
      await room.clock.advance(1);
      expect(heard).to.equal(answer);
      expect(refusal?.message ?? '').to.contain(said);
      expect(room.store.timesOf('read')).to.deep.equal([TIMEOUT_MS + GRACE_MS]);
    });
  }

  it('may have run when the store cannot be asked at its deadline', async () => {
    await submit();
    await room.clock.advance(2000);
    room.store.isAway = true;
    await room.clock.advance(TIMEOUT_MS);
    expect(heard).to.equal('door_timeout');
    expect(refusal?.extras).to.include({ commandId: id, state: 'indeterminate' });
  });

  it('for a door that is here goes out at once, and needs no hint', async () => {
    const link = room.attach();
    room.store.admits = 'claimed';
    await submit();
    expect(link.sent).to.deep.equal([{ t: 'command', id, jwe, deadline: room.clock.now() + TIMEOUT_MS }]);
    await room.clock.advance(2000);
    expect(room.store.timesOf('nudge')).to.deep.equal([]);
    await room.dispatcher.onResult(DOOR, { t: 'result', id, status: 200, receipt: 'opened' });
    await settle();
    expect(heard).to.equal('executed');
  });

  it('whose admission nobody confirmed is refused with the id to ask for', async () => {
    room.store.isAway = true;
    await submit();
    expect(heard).to.equal('store_unavailable');
    expect(refusal?.extras.commandId).to.equal(id);
  });

  it('leaves no timer behind, however it ends', async () => {
    const before = room.clock.pending;
    await submit();
    await room.tell({ t: 'settled', commands: [{ id, state: 'executed' }] });
    await settle();
    expect(room.clock.pending).to.equal(before);
  });

  it('is under way until its sender is answered, and then no more', async () => {
    expect(room.service.underWay).to.equal(0);
    await submit();
    expect(room.service.underWay).to.equal(1);
    await room.clock.advance(TIMEOUT_MS + GRACE_MS);
    expect(room.service.underWay).to.equal(0);
  });
});

describe('a question, in its own time (protocol 7.5)', () => {
  it('is under way while the door has two seconds to answer, and then what it last said counts', async () => {
    const room = commandRoom();
    let online: boolean | undefined;
    const asked = room.service.status(SITE, DOOR).then((answer) => {
      online = answer.online;
      return answer;
    });
    await settle();
    expect(room.told).to.have.length(1);
    expect(room.told[0]).to.deep.include({ relay: 'other' });
    expect(room.service.underWay, 'a stop waits for it').to.be.above(0);
    await room.clock.advance(1999);
    expect(online).to.equal(undefined);
    await room.clock.advance(1);
    expect(await asked).to.deep.include({ online: true, live: false, at: 5 });
    expect(room.service.underWay).to.equal(0);
  });

  it('of another relay is forgotten when the door does not answer it', async () => {
    const room = commandRoom();
    const link = room.attach();
    await room.tell({ t: 'ask', kind: 'status', door: DOOR, id: 'q', from: 'other' });
    expect(link.sent).to.deep.equal([{ t: 'status', id: 'q' }]);
    await room.clock.advance(2000);
    await room.questions.onAnswer('q', {
      kind: 'status',
      state: { lock: 'locked', mode: 'normal' },
      at: room.clock.now(),
    });
    expect(room.told, 'too late').to.deep.equal([]);
    expect(room.service.underWay).to.equal(0);
  });
});
