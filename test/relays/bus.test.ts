import { expect } from 'chai';
import { z } from 'zod';

import { RelayBus } from '../../src/relays/bus.js';
import { RelayLease } from '../../src/relays/lease.js';
import { FakeClock, settle } from '../support/fake-clock.js';

describe("relays' talk", () => {
  let bus: RelayBus;
  let say: (text: string) => void;
  let sent: object[];
  let failures: string[];

  beforeEach(() => {
    sent = [];
    failures = [];
    bus = new RelayBus({
      mail: {
        onMessage: (_relay, listener) => {
          say = listener;
          return Promise.resolve(() => Promise.resolve(void sent.push({ left: true })));
        },
        toFleet: (message) => Promise.resolve(void sent.push(message)),
        toRelay: (relay, message) => Promise.resolve(void sent.push({ relay, message })),
      },
      relayId: 'me',
      onError: (error, work) => void failures.push(`${work}: ${(error as Error).name}`),
    });
  });

  it('hands each kind to the room that took it, in the form it asked for', async () => {
    const heard: unknown[] = [];
    bus.on('claim', z.object({ door: z.string() }), (message) => void heard.push(message));
    bus.on('ask', z.object({ id: z.string() }), ({ id }) => void heard.push(id));
    await bus.start();
    say('{"t":"claim","door":"front","later":1}');
    say('{"t":"ask","id":"q"}');
    await settle();
    expect(heard).to.deep.equal([{ door: 'front' }, 'q']);
    expect(failures).to.deep.equal([]);
  });

  it('says that it joined, and listens no more once it has stopped', async () => {
    await bus.start();
    await bus.stop();
    expect(sent).to.deep.equal([{ t: 'node_joined', node: 'me' }, { left: true }]);
  });

  it('sets aside what no room took: it is for others, or of a newer relay', async () => {
    await bus.start();
    say('{"t":"grants_changed","door":"front"}');
    await settle();
    expect(failures).to.deep.equal([]);
  });

  it('reports what is no message, what has not the form, and what a room could not do', async () => {
    bus.on('claim', z.object({ door: z.string() }), () => Promise.reject(new TypeError('no')));
    await bus.start();
    for (const text of ['no JSON', '{"kind":"claim"}', '{"t":"claim","door":7}', '{"t":"claim","door":"front"}'])
      say(text);
    await settle();
    expect(failures).to.deep.equal([
      'relay message: SyntaxError',
      'relay message: ZodError',
      'relay message: ZodError',
      'relay message: TypeError',
    ]);
  });

  it('lets no two rooms take the same kind', () => {
    bus.on('claim', z.object({}), () => undefined);
    expect(() => bus.on('claim', z.object({}), () => undefined)).to.throw('claim');
  });
});

describe('the lease of a relay (protocol 5.5)', () => {
  it('is renewed four times in its life, and at once when another relay joins', async () => {
    const clock = new FakeClock();
    let beats = 0;
    let join: (message: { node: string }) => unknown = () => undefined;
    const lease = new RelayLease({
      relays: {
        beat: (_relay, leaseMs) => {
          expect(leaseMs + 2500, 'its doors are offline within 15 s of its death').to.be.below(15_000);
          beats += 1;
          return Promise.resolve({ hadLease: true, live: beats > 5 ? ['me', 'new'] : ['me'], expired: [] });
        },
        claimSweep: () => Promise.resolve(false),
        leave: () => Promise.resolve(),
      },
      bus: { on: (_kind, schema, handler) => void (join = (message) => handler(schema.parse(message))) },
      clock,
      relayId: 'me',
      onError: (error) => {
        throw error;
      },
    });
    await lease.start({ reassertAll: () => Promise.resolve(), sweep: () => Promise.resolve() });
    await clock.advance(10_000);
    expect(beats).to.equal(5);
    await join({ node: 'me' });
    await settle();
    expect(beats, 'its own word').to.equal(5);
    await join({ node: 'new' });
    await settle();
    expect(beats).to.equal(6);
    expect(lease.isLive('new')).to.equal(true);
    expect(lease.liveList).to.equal(',me,new,');
    await lease.stop();
    expect(clock.pending).to.equal(0);
  });
});
