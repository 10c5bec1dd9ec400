import { once } from 'node:events';

import { expect } from 'chai';

import { AuditStore } from '../../src/store/audit-store.js';
import { doorKeys, siteKeys } from '../../src/store/keys.js';
import { isProblemCode } from '../../src/protocol/problem.js';
import { CLIENT_SUBPROTOCOL } from '../../src/protocol/client-frames.js';
import { DOOR_SUBPROTOCOL } from '../../src/protocol/door-frames.js';
import { ClientSocket } from '../e2e/support/client-socket.js';
import { RawDoor, RAW_FIRMWARE } from '../e2e/support/raw-door.js';
import { testIdentity } from '../simulator/support/keys.js';
import { seal } from '../simulator/support/seal.js';
import { lookalike } from '../support/envelopes.js';
import type { TestSite } from '../support/site.js';
import { addressIn, Attacker, inParallel, isDocumented, maskedFrame } from './support/attacker.js';
import { report, Tally } from './support/figures.js';
import type { Honest } from './support/honest.js';
import { mutateBytes, mutateObject, mutateText } from './support/mutations.js';
import { DOOR, Scene } from './support/scene.js';
import { chooseSeed, Seeded } from './support/seeded.js';
import { SIZES } from './support/sizes.js';

/** Of protocol 5.6, and what RFC 6455 7.4.1 has for frames that are none: never 1011, never without a word. */
const CLIENT_CLOSES = [1002, 1007, 1008, 1009, 4004, 4005];
const DOOR_CLOSES = [...CLIENT_CLOSES, 4001];
/** What a relay answers only when it, or its door, is in trouble. */
const IN_TROUBLE = ['internal', 'store_unavailable', 'door_timeout'];

/** Damaged frames, envelopes and bodies on live sockets and routes: refused as documented, and the honest go on working. */
describe('damaged frames and envelopes', function () {
  this.timeout(240_000);
  const random = new Seeded(chooseSeed());
  let scene: Scene;
  let site: TestSite;
  let honest: Honest;
  let attacker: Attacker;
  let doorHeaders: Record<string, string>;
  let visits = 0;

  before(async () => {
    scene = await Scene.open({ OPENLOCK_TRUST_PROXY: '1' });
    site = await scene.site('attacker@example.test');
    honest = await scene.startHonest();
    await scene.admin.grant(DOOR, site.siteId, { role: 'user' });
    attacker = new Attacker(scene.relay);
    const { enrolmentToken } = await scene.admin.add('evil-door', {});
    await scene.admin.grant('evil-door', site.siteId, { role: 'user' });
    doorHeaders = await RawDoor.session(scene.relay, 'evil-door', await testIdentity(), enrolmentToken);
  });
  after(async () => {
    attacker?.close();
    await scene?.close();
  });

  /** Another address each time: forged `token` frames count as failures, and block the address for upgrades (protocol 8.2). */
  const elsewhere = () => ({ 'x-forwarded-for': addressIn((visits += 1)) });
  const openClient = (): Promise<ClientSocket> =>
    ClientSocket.open(scene.relay, site.accessToken, elsewhere(), attacker.address);
  const envelope = (): string =>
    seal({ publicPem: honest.publicPem, kid: honest.kid, door: DOOR, password: 'unknown', act: 'unlock' }).jwe;

  function damagedEnvelope(valid: string): string {
    const parts = valid.split('.');
    const at = random.below(parts.length);
    const header = JSON.parse(Buffer.from(parts[0] ?? '', 'base64url').toString()) as Record<string, unknown>;
    switch (random.below(4)) {
      case 0:
        return mutateText(random, valid);
      case 1:
        parts[0] = Buffer.from(mutateObject(random, header)).toString('base64url');
        return parts.join('.');
      case 2:
        parts[at] = mutateBytes(random, Buffer.from(parts[at] ?? '', 'base64url')).toString('base64url');
        return parts.join('.');
      default:
        parts.splice(at, 1, ...random.pick([[], ['', ''], [parts[at] ?? '', parts[at] ?? '']]));
        return parts.join('.');
    }
  }

  it('envelopes and bodies, to the route of commands', async () => {
    const seen = new Tally();
    const wrong: string[] = [];
    const valid = Array.from({ length: 20 }, envelope);
    const { during } = await scene.during(() =>
      inParallel(SIZES.envelopes, 8, async () => {
        const original = random.pick(valid);
        const jwe = random.below(3) === 0 ? original : damagedEnvelope(original);
        const body = jwe === original ? mutateText(random, JSON.stringify({ jwe })) : JSON.stringify({ jwe });
        const answer = await attacker.ask('POST', `/v1/doors/${DOOR}/commands`, { token: site.accessToken, body });
        seen.add(`${answer.status} ${answer.code}`);
        if (!isDocumented(answer) || IN_TROUBLE.includes(answer.code))
          wrong.push(`${answer.status} ${answer.code} to ${body.slice(0, 200)}`);
      }),
    );
    expect(wrong, String(random)).to.deep.equal([]);
    expect(seen.of('400 invalid_request') * seen.of('400 invalid_envelope'), String(seen)).to.be.above(0);
    report({
      attack: 'damaged envelopes (HTTP)',
      tried: SIZES.envelopes,
      refused: SIZES.envelopes,
      quiet: scene.quiet,
      during,
      note: `${String(seen)}; ${String(random)}`,
    });
  });

  it('frames of a client', async () => {
    const seen = new Tally();
    const wrong: string[] = [];
    const { during } = await scene.during(async () => {
      let socket = await openClient();
      let read = 0;
      const readOn = (): void => {
        for (; read < socket.frames.length; read += 1) {
          const frame = socket.frames[read];
          seen.add(frame?.t === 'error' ? `error ${frame.code}` : (frame?.t ?? ''));
          if (frame?.t === 'error' && (!isProblemCode(frame.code) || IN_TROUBLE.includes(frame.code)))
            wrong.push(JSON.stringify(frame));
        }
      };
      for (let sent = 0; sent < SIZES.clientFrames; sent += 1) {
        const frame = damagedClientFrame();
        socket.send(frame);
        // Ten at a time; the answers need not come in their order.
        if (sent % 10 !== 9) continue;
        const ref = `fence-${sent}`;
        socket.send({ t: 'unsubscribe', ref, doors: [DOOR] });
        const closed = await Promise.race([
          socket
            .frame('ok', (ok) => ok.ref === ref)
            .then(
              () => 0,
              () => socket.closed,
            ),
          socket.closed,
        ]);
        readOn();
        if (closed === 0) continue;
        seen.add(`closed ${closed}`);
        if (!CLIENT_CLOSES.includes(closed)) wrong.push(`closed with ${closed} after ${frame.slice(0, 200)}`);
        socket = await openClient();
        read = 0;
      }
      socket.close();
    });
    expect(wrong, String(random)).to.deep.equal([]);
    expect(seen.of('closed 4005'), String(seen)).to.be.above(0);
    report({
      attack: 'damaged frames (client socket)',
      tried: SIZES.clientFrames,
      refused: seen.names.filter((name) => name.startsWith('error ')).reduce((sum, name) => sum + seen.of(name), 0),
      quiet: scene.quiet,
      during,
      note: `${String(seen)}; ${String(random)}`,
    });
  });

  function damagedClientFrame(): string {
    const ref = `r${random.below(1e6)}`;
    const jwe = random.below(2) === 0 ? lookalike(DOOR, { kid: honest.kid }) : damagedEnvelope(envelope());
    const frame = random.pick<Readonly<Record<string, unknown>>>([
      { t: 'command', ref, door: DOOR, jwe },
      { t: 'status', ref, door: DOOR },
      { t: 'subscribe', ref, doors: [DOOR, 'evil-door'] },
      { t: 'unsubscribe', ref, doors: [DOOR] },
      { t: 'token', ref, accessToken: mutateText(random, site.accessToken) },
    ]);
    return random.below(2) === 0 ? mutateObject(random, frame) : mutateText(random, JSON.stringify(frame));
  }

  it('frames of a door', async () => {
    const seen = new Tally();
    const wrong: string[] = [];
    const { during } = await scene.during(async () => {
      let door = await RawDoor.live(scene.relay, doorHeaders);
      for (let sent = 0; sent < SIZES.doorFrames; sent += 1) {
        const frame = damagedDoorFrame();
        door.send(frame);
        const keepAlives = door.frames.filter(({ t }) => t === 'keepalive').length;
        door.send({ t: 'keepalive' });
        const closed = await Promise.race([door.closed, keepAliveAfter(door, keepAlives)]);
        seen.add(closed === 0 ? 'set aside' : `closed ${closed}`);
        if (closed === 0) continue;
        if (!DOOR_CLOSES.includes(closed)) wrong.push(`closed with ${closed} after ${frame.slice(0, 200)}`);
        door = await RawDoor.live(scene.relay, doorHeaders);
      }
      door.close();
    });
    expect(wrong, String(random)).to.deep.equal([]);
    expect(seen.of('closed 4004'), String(seen)).to.be.above(0);
    report({
      attack: 'damaged frames (door socket)',
      tried: SIZES.doorFrames,
      refused: SIZES.doorFrames - seen.of('set aside'),
      quiet: scene.quiet,
      during,
      note: `${String(seen)}; ${String(random)}`,
    });
  });

  function damagedDoorFrame(): string {
    const id = random.pick(['A'.repeat(43), 'short', 'B'.repeat(43)]);
    const frame = random.pick<Readonly<Record<string, unknown>>>([
      { t: 'hello', boot: 'b', epoch: 0, firmware: RAW_FIRMWARE },
      { t: 'result', id, status: 200, receipt: 'r'.repeat(100) },
      { t: 'result', id, status: 400, refusal: 'credential' },
      {
        t: 'status',
        id: 'x',
        state: { lock: 'locked', mode: 'normal', rssi: -60, lastCommand: { at: 1, status: 200 } },
      },
      { t: 'challenge', id: 'x', challenge: 'A'.repeat(43) },
      { t: 'event', seq: 1, kind: 'tamper', at: 1, data: { a: 1, b: 'x', c: null } },
      { t: 'update', id: 'x', phase: random.pick(['accept', 'get', 'verified', 'party']), offset: 0, length: 4096 },
    ]);
    return random.below(2) === 0 ? mutateObject(random, frame) : mutateText(random, JSON.stringify(frame));
  }

  it('bytes that are no frames of RFC 6455, on both sockets', async () => {
    const seen = new Tally();
    const authorization = `Bearer ${site.accessToken}`;
    const { during } = await scene.during(() =>
      inParallel(SIZES.rawFrames, 6, async (index) => {
        // One live socket a door: its later connections end the earlier ones, which is what they may do.
        const socket =
          index % 6 === 0
            ? await attacker.webSocket('/v1/devices/socket', DOOR_SUBPROTOCOL, doorHeaders)
            : await attacker.webSocket('/v1/socket', CLIENT_SUBPROTOCOL, { authorization, ...elsewhere() });
        let closeCode = 0;
        socket.on('data', (data: Buffer) => {
          for (let at = 0; at + 3 < data.length; at += 2 + ((data[at + 1] ?? 0) & 0x7f))
            if (data[at] === 0x88) closeCode = data.readUInt16BE(at + 2);
        });
        const valid = maskedFrame(JSON.stringify({ t: 'status', ref: 'r', door: DOOR }));
        const damaged = mutateBytes(random, valid);
        // The first bytes are what RFC 6455 is about.
        if (random.below(2) === 0) damaged[random.below(2)] = random.below(256);
        socket.write(damaged);
        const closed = once(socket, 'close').then(() => true);
        // What is whole and harmless, or not whole yet, is not ended: this side goes away, in the middle of it.
        const isClosed = await Promise.race([closed, new Promise((resolve) => setTimeout(() => resolve(false), 150))]);
        seen.add(isClosed === true ? `closed ${closeCode}` : 'left open');
        socket.destroy();
      }),
    );
    const closes = seen.names.filter((name) => name.startsWith('closed')).map((name) => Number(name.slice(7)));
    // 1005 is answered to a close frame without a code; 0: the socket was ended without a frame.
    for (const code of closes)
      expect(code, `${String(seen)} ${String(random)}`).to.be.oneOf([0, 1000, 1005, ...DOOR_CLOSES]);
    expect(closes).to.include(1002);
    report({
      attack: 'bytes that are no WebSocket frames',
      tried: SIZES.rawFrames,
      refused: SIZES.rawFrames - seen.of('left open'),
      quiet: scene.quiet,
      during,
      note: `${String(seen)}; ${String(random)}`,
    });
  });

  it('and all these refusals pushed nothing out of the trail, and filled nothing', async () => {
    const store = new AuditStore(await scene.redis.link('openlock-audit'));
    const streams = [doorKeys(DOOR).audit, siteKeys(site.siteId).audit];
    const happened = async (): Promise<readonly string[]> => {
      const entries = await Promise.all(streams.map((stream) => store.read(stream, '-', 10_000)));
      return entries.flat().map(({ text }) => text);
    };
    const before = (await happened()).filter((text) => /granted|registered|door_added|token_issued/.test(text));
    expect(before).to.not.deep.equal([]);
    const redisBefore = await scene.redisMiB();
    const refused = new Tally();
    const { during } = await scene.during(() =>
      inParallel(SIZES.refusals, 8, async (index) => {
        const kid = index % 2 === 0 ? honest.kid : 'A'.repeat(43);
        const jwe = lookalike(DOOR, { kid, iat: index % 2 === 0 ? Date.now() - 120_000 : Date.now() });
        const answer = await attacker.ask('POST', `/v1/doors/${DOOR}/commands`, {
          token: site.accessToken,
          body: { jwe },
        });
        refused.add(`${answer.status} ${answer.code}`);
      }),
    );
    expect(await happened()).to.include.members(before);
    expect(refused.names).to.not.include('200 ');
    const grown = (await scene.redisMiB()) - redisBefore;
    expect(grown).to.be.below(8);
    report({
      attack: 'refusals against the audit trail',
      tried: SIZES.refusals,
      refused: SIZES.refusals,
      quiet: scene.quiet,
      during,
      note: `${String(refused)}; kept ${before.length} of ${before.length}; Redis ${grown.toFixed(1)} MiB more`,
    });
  });
});

/** 0 when one more keep-alive was answered than there were. */
async function keepAliveAfter(door: RawDoor, before: number): Promise<number> {
  const answered = (): number => door.frames.filter(({ t }) => t === 'keepalive').length;
  while (answered() <= before) await new Promise((resolve) => setTimeout(resolve, 2));
  return 0;
}
