import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from 'chai';

import { runBench, type BenchRun } from './bench.js';
import { LANES } from './lanes.js';
import { parseOptions, PARTS, UsageError } from './options.js';
import { report } from './report.js';
import { FULL, TINY } from './sizes.js';

describe('the benchmark', () => {
  describe('run with tiny counts', function () {
    // Asserts that every figure exists, never how good it is: that depends on what else the machine does.
    this.timeout(300_000);
    const resultsDir = mkdtempSync(join(tmpdir(), 'openlock-bench-results-'));
    let run: BenchRun;

    before(async () => {
      run = await runBench(
        { sizes: TINY, lanes: LANES.map(({ id }) => id), parts: PARTS, fromSource: false, profile: false, resultsDir },
        () => undefined,
      );
    });

    after(() => rmSync(resultsDir, { recursive: true, force: true }));

    it('measures rate, latency and processor time of every lane', () => {
      const { lanes = [] } = run.result;
      expect(lanes.map(({ lane }) => lane.id)).to.deep.equal(['a', 'b-always', 'b-everysec', 'b-other', 'c', 'd', 'e']);
      for (const { rounds, envelopeChars } of lanes) {
        expect(rounds).to.have.length(TINY.rounds);
        expect(envelopeChars).to.be.within(1100, 1300);
        for (const { saturated, moderate } of rounds) {
          for (const figure of [saturated.completed, saturated.cpu.relay, moderate.p50Ms, moderate.p99Ms])
            expect(figure).to.be.above(0);
          expect(saturated.perSecond).to.be.at.least(0);
          expect(saturated.failed + moderate.failed).to.equal(0);
        }
      }
    });

    it('uses one cipher on all lanes', () => {
      const ciphers = new Set(
        (run.result.lanes ?? []).filter(({ lane }) => lane.wire !== 'socket.io').map(({ cipher }) => cipher),
      );
      expect([...ciphers]).to.deep.equal(['TLS_AES_128_GCM_SHA256']);
    });

    it('counts what a command costs at the store', () => {
      const { store = [] } = run.result;
      expect(store).to.have.length(4);
      for (const { load, functionCalls, appendOnlyBytes } of store) {
        // One at a time nothing shares a call: admission of the site, of the command, and its end.
        expect(functionCalls).to.be.above(load === 'one by one' ? 2 : 0);
        expect(appendOnlyBytes).to.be.above(0);
      }
    });

    it('measures memory, fleets and a restart', () => {
      const { memory, fleets, restart, failures } = run.result;
      expect(failures).to.deep.equal([]);
      expect(memory?.ratio.median).to.be.a('number');
      expect(fleets?.map(({ doors }) => doors)).to.deep.equal(TINY.fleets);
      for (const { ofRaw, relayCpuMicros } of fleets ?? [])
        for (const { median } of [ofRaw, relayCpuMicros]) expect(median).to.be.a('number');
      expect(restart?.bareHandshakesMs).to.be.above(0);
      expect(restart?.returns).to.have.length(4);
      for (const { backMs, relayCpuMicros } of restart?.returns ?? [])
        for (const figure of [backMs, relayCpuMicros]) expect(figure).to.be.above(0);
      // Counts, not speeds: who resumes does, and whoever does not makes a handshake in full.
      expect(restart?.returns.map(({ resumed }) => resumed)).to.deep.equal([0, TINY.restartDoors, 0, 0]);
    });

    it('measures keep-alives, processes and overload', () => {
      const { keepAlives, processes, overload } = run.result;
      expect(keepAlives?.openlockMicros.median).to.be.a('number');
      for (const figure of [processes?.ratio.median, processes?.projectedOne, processes?.projectedTwo])
        expect(figure).to.be.above(0);
      expect(overload?.steps.map(({ times }) => times)).to.deep.equal(TINY.overload.times);
      for (const { completed, refusedUntold, unanswered } of overload?.steps ?? []) {
        expect(completed).to.be.above(0);
        expect([refusedUntold, unanswered]).to.deep.equal([0, 0]);
      }
    });

    it('measures commands, memory and bytes of a rollout', () => {
      const { rollout } = run.result;
      for (const latency of [rollout?.others, rollout?.updated].flatMap((to) => [to?.before, to?.during])) {
        expect(latency?.completed).to.be.above(0);
        expect(latency?.p99Ms.median).to.be.above(0);
      }
      expect(rollout?.seconds).to.be.above(0);
      expect(rollout?.memory.rssPeak).to.be.at.least(rollout?.memory.rssBefore ?? 0);
      // A count, not a speed: no byte is sent twice to a door that stays connected.
      expect(rollout?.bytesSent).to.equal(TINY.rollout.doors * TINY.rollout.imageBytes);
      expect(rollout?.strays).to.equal(0);
    });

    it('measures what a flood costs an honest site', () => {
      const { flood } = run.result;
      for (const figure of [flood?.quietMs.median, flood?.floodedMs.median, flood?.ratio.median, flood?.flood.frames])
        expect(figure).to.be.above(0);
      expect(flood?.flood.opened).to.be.at.least(TINY.flood.sockets);
    });

    it('prints a table and writes the same as JSON', () => {
      expect(report(run.result)).to.match(/rate of raw ws: b-always \/ a .*at least 0\.45/);
      expect(JSON.parse(readFileSync(run.file, 'utf8'))).to.have.nested.property(
        'lanes[0].rounds[0].saturated.perSecond',
      );
    });
  });

  describe('its command line', () => {
    it('takes both settings of the append-only file for lane b', () => {
      expect(parseOptions(['--lanes', 'a,b'], 'dir')?.lanes).to.deep.equal(['a', 'b-always', 'b-everysec', 'b-other']);
    });

    it('does everything by default', () => {
      const options = parseOptions([], 'dir');
      expect(options?.sizes).to.deep.equal(FULL);
      expect(options?.parts).to.deep.equal([...PARTS]);
    });

    it('says what is wrong', () => {
      expect(() => parseOptions(['--rounds', '0'], 'dir')).to.throw(UsageError, /whole number/);
      expect(() => parseOptions(['--lanes', 'a,x'], 'dir')).to.throw(UsageError, /not "x"/);
      expect(() => parseOptions(['--fast'], 'dir')).to.throw(UsageError, /--fast/);
    });
  });
});
