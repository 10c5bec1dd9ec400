import { expect } from 'chai';

import { Overload } from '../../src/gate/overload.js';
import { SpentBuckets } from '../../src/gate/spent-buckets.js';
import { OpenLockError } from '../../src/protocol/problem.js';
import { COMMAND_ID, DOOR, FakeSites } from '../http/support/fakes.js';
import { FakeClock } from '../support/fake-clock.js';
import { WaysIn } from './support.js';

const TICK_MS = 20;

describe('the overload guard (protocol 8.1)', () => {
  let clock: FakeClock;
  let store: { waiting: number; oldestWaitMs: number };
  let shares: number[];
  let overload: Overload;

  beforeEach(() => {
    clock = new FakeClock();
    store = { waiting: 0, oldestWaitMs: 0 };
    shares = [];
    overload = new Overload({ clock, store, onShare: (share) => shares.push(share) });
    overload.start();
  });

  afterEach(() => overload.stop());

  /** The process is busy for so long; its clock rings as soon as it is not. */
  async function busy(ms: number): Promise<void> {
    clock.time += ms;
    await clock.advance(0);
  }

  /** How many of so many are let in. */
  const letIn = (commands: number): number =>
    Array.from({ length: commands }, () => overload.turnAway()).filter((ms) => ms === 0).length;

  it('lets everybody in while its clock is on time', async () => {
    await clock.advance(60_000);
    expect(letIn(10_000)).to.equal(10_000);
    expect(shares).to.deep.equal([]);
  });

  it('thinks little of one long pause', async () => {
    await busy(2000);
    expect(letIn(250)).to.equal(250);
    expect(letIn(1000)).to.be.below(300);
    await clock.advance(2500);
    expect(letIn(1000)).to.equal(1000);
  });

  it('refuses nobody who sends two hundred a second, however late its clock is', async () => {
    for (let turn = 0; turn < 100; turn += 1) {
      await busy(500);
      expect(letIn(100)).to.equal(100);
    }
  });

  it('lets in fewer and fewer while its clock is late, and never nobody', async () => {
    for (let turn = 0; turn < 3; turn += 1) await busy(TICK_MS + 225);
    letIn(1000); // what is let in at any rate
    expect(letIn(1000)).to.be.within(290, 300);
    for (let turn = 0; turn < 30; turn += 1) await busy(TICK_MS + 1500);
    letIn(1000);
    expect(letIn(1000)).to.be.within(9, 11);
  });

  it('says when to come again: later, the fewer are let in', async () => {
    const askedToWait = (): number => Array.from({ length: 5000 }, () => overload.turnAway()).find((ms) => ms > 0) ?? 0;
    await busy(TICK_MS + 165);
    const early = askedToWait();
    for (let turn = 0; turn < 30; turn += 1) await busy(TICK_MS + 1500);
    const late = askedToWait();
    expect(early).to.be.within(1000, 1500);
    expect(late).to.be.within(3500, 4000);
  });

  it('changes nothing between calm and trouble, so that it does not swing', async () => {
    await busy(TICK_MS + 200);
    const share = shares.at(-1);
    for (let turn = 0; turn < 50; turn += 1) await busy(TICK_MS + 100);
    expect(shares.at(-1)).to.equal(share);
  });

  for (const [what, full] of [
    ['waits long', { oldestWaitMs: 600 }],
    ['is long', { waiting: 4096 }],
  ] as const) {
    it(`refuses when the store’s queue ${what}, and lets in again when it is not`, async () => {
      Object.assign(store, full);
      await clock.advance(200);
      letIn(1000);
      expect(letIn(100)).to.be.below(20);
      Object.assign(store, { oldestWaitMs: 0, waiting: 0 });
      await clock.advance(6000);
      expect(letIn(100)).to.equal(100);
      expect(shares.at(-1)).to.equal(1);
    });
  }

  for (const times of [1.5, 2, 4]) {
    it(`keeps a relay busy and its commands quick at ${times} times what it can do`, async () => {
      // A relay that is nothing but one thread: a command takes 1/2000 s of it, a refusal a tenth of that.
      const [perSecond, refusalPart] = [2000, 0.1];
      let [done, longest, turnMs] = [0, 0, 1];
      const startedAt = clock.monotonic();
      const seconds = (): number => (clock.monotonic() - startedAt) / 1000;
      const settledAfter = 5;
      while (seconds() < 30) {
        // All that came in the last turn is served in this one.
        const arrived = Math.round((perSecond * times * turnMs) / 1000);
        const good = letIn(arrived);
        turnMs = Math.max(1, ((good + (arrived - good) * refusalPart) * 1000) / perSecond);
        await busy(turnMs);
        if (seconds() < settledAfter) continue;
        done += good;
        longest = Math.max(longest, turnMs);
      }
      const possible = (1 - times * refusalPart) / (1 - refusalPart);
      expect(done / (30 - settledAfter) / perSecond).to.be.above(possible * 0.85);
      // A command waits about five turns; its deadline is 5 s.
      expect(longest).to.be.below(500);
    });
  }

  it('never refuses what is no new command', async () => {
    const ways = await new WaysIn().start();
    try {
      ways.turnAwayMs = 1500;
      const headers = { authorization: 'Bearer good' };
      for (const path of ['/v1/doors', `/v1/doors/${DOOR}/status`, `/v1/doors/${DOOR}/commands/${COMMAND_ID}`])
        expect(await ways.http({ path, headers }), path).not.to.have.property('code');
      const client = await ways.client();
      expect(await client.ask({ t: 'status', ref: 'r', door: DOOR })).to.include({ t: 'status' });
      expect(await client.ask({ t: 'subscribe', ref: 's', doors: [DOOR] })).to.include({ t: 'ok' });
    } finally {
      await ways.stop();
    }
  });

  it('does not close the socket of a site for being refused by it', async () => {
    const ways = await new WaysIn().start();
    try {
      const client = await ways.client();
      ways.turnAwayMs = 1500;
      for (let frame = 0; frame < 250; frame += 1) {
        const answer = await client.ask({ t: 'command', ref: 'r', door: DOOR, jwe: 'x' });
        expect(answer).to.include({ t: 'error', code: 'rate_limited', retryAfterMs: 1500 });
      }
      ways.turnAwayMs = 0;
      expect(await client.ask({ t: 'command', ref: 'r', door: DOOR, jwe: 'x' })).to.include({ t: 'result' });
    } finally {
      await ways.stop();
    }
  });
});

describe('a flood of one site (protocol 8.1)', () => {
  it('costs the store one question a token, and is not weighed against the commands of others', async () => {
    const clock = new FakeClock();
    const seen = { weighed: 0, flood: 0, honest: 0 };
    let tokenAt = 0;
    const admit = ({ siteId }: { readonly siteId: string }): Promise<void> => {
      seen[siteId as 'flood' | 'honest'] += 1;
      const waitMs = siteId === 'flood' ? Math.max(0, tokenAt - clock.monotonic()) : 0;
      if (waitMs > 0) return Promise.reject(new OpenLockError('rate_limited', 'No.', { retryAfterMs: waitMs }));
      if (siteId === 'flood') tokenAt = clock.monotonic() + 100;
      return Promise.resolve();
    };
    const turnAway = (): number => {
      seen.weighed += 1;
      return 0;
    };
    const sites = Object.assign(new FakeSites(), { admit });
    const { gate, metrics } = new WaysIn({ sites, overload: { turnAway } }, clock);
    const command = async (siteId: string): Promise<string | undefined> => {
      const caller = {
        kind: 'site',
        siteId,
        sessionId: 's',
        origin: 'https://a.example',
        expiresAt: Infinity,
      } as const;
      const visit = gate.openFrame({ requestId: 'r', address: '192.0.2.1', origin: undefined }, caller);
      visit.givesWay = true;
      try {
        await gate.admit(visit, caller);
        return undefined;
      } catch (error) {
        return (await gate.refuse(visit, error)).code;
      }
    };
    // A second of it: a command every millisecond from one site, one every hundred from another.
    const honest: (string | undefined)[] = [];
    const flood: (string | undefined)[] = [];
    for (let ms = 0; ms < 1000; ms += 1) {
      flood.push(await command('flood'));
      if (ms % 100 === 50) honest.push(await command('honest'));
      await clock.advance(1);
    }
    expect(honest).to.deep.equal(Array(10).fill(undefined));
    expect(flood.filter((code) => code === undefined)).to.have.length(10);
    expect(flood.filter((code) => code === 'rate_limited')).to.have.length(990);
    // Let in, and then found empty once, for each of ten tokens.
    expect(seen).to.deep.equal({ weighed: 30, flood: 20, honest: 10 });
    expect(metrics.seen.filter(({ limit }) => limit === 'site')).to.have.length(990);
  });

  it('is remembered for so many sites and no longer than it is true', () => {
    const clock = new FakeClock();
    const spent = new SpentBuckets(clock);
    for (let site = 0; site < 5000; site += 1) spent.note(`site-${site}`, 100);
    expect(spent.waitMs('site-0')).to.equal(0);
    expect(spent.waitMs('site-4999')).to.equal(100);
    clock.time += 100;
    expect(spent.waitMs('site-4999')).to.equal(0);
  });
});
