import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { until } from '../support/counting.js';
import { mailedCode } from '../support/site.js';
import { addressIn, Attacker, inParallel } from './support/attacker.js';
import { report, Tally } from './support/figures.js';
import { LIMITS_OF_THE_PROTOCOL, Scene } from './support/scene.js';
import { SIZES } from './support/sizes.js';

/** Addresses of this suite that are nobody else's in it. */
const FRESH = 900_000;

/** Behind a proxy: somebody who has as many networks as he likes (protocol 3.1, 8.1, 8.2, 8.4). */
describe('clients of very many networks', function () {
  this.timeout(400_000);
  let scene: Scene;
  let attacker: Attacker;
  let fresh = FRESH;

  before(async () => {
    scene = await Scene.open({ ...LIMITS_OF_THE_PROTOCOL, OPENLOCK_TRUST_PROXY: '1' });
    await scene.startHonest();
    attacker = new Attacker(scene.relay, '127.0.0.2', 32);
  });
  after(async () => {
    attacker?.close();
    await scene?.close();
  });

  const from = (index: number) => ({ 'x-forwarded-for': addressIn(index) });
  const login = (email: string, index: number, website = 'https://shop.example') =>
    attacker.ask('POST', '/v1/auth/login', { body: { email, website }, headers: from(index) });
  const tryCode = (loginId: unknown, code: string, index: number) =>
    attacker.ask('POST', '/v1/auth/token', { body: { loginId, code }, headers: from(index) });

  it(`${SIZES.networks} of them fail, log in and ask: memory stays bounded, and nobody else is blocked`, async () => {
    const rssBefore = scene.rssMiB();
    const redisBefore = await scene.redisMiB();
    const seen = new Tally();
    const begun = performance.now();
    const { during } = await scene.during(() =>
      inParallel(SIZES.networks, 32, async (index) => {
        // Two of each kind in a row, so that IPv4 and IPv6 have their part in all.
        const kind = (index >> 1) % 4;
        const headers = from(index);
        const { status, code } =
          kind === 0
            ? await login(`u${index % 40}@stranger.example`, index)
            : kind === 1
              ? await tryCode('login_AAAAAAAAAAAAAAAAAAAAAA', '00000000', index)
              : kind === 2
                ? await attacker.ask('GET', '/v1/doors', { token: 'a.b.c', headers })
                : await attacker.ask('GET', '/healthz', { headers });
        seen.add(`${status} ${code}`.trim());
      }),
    );
    const seconds = (performance.now() - begun) / 1000;
    expect(seen.names, String(seen)).to.have.members(['202', '401 unauthenticated', '200']);
    const rss = scene.rssMiB() - rssBefore;
    const redis = (await scene.redisMiB()) - redisBefore;
    expect(rss, 'MiB of the relay more').to.be.below(200);
    expect(redis, 'MiB of Redis more').to.be.below(SIZES.isFull ? 120 : 12);
    // Somebody of no network seen so far logs in, and his code is mailed.
    const email = 'late@shop.example';
    expect((await login(email, (fresh += 2), 'https://late.example')).status).to.equal(202);
    expect(await mailedCode(scene.relay, 'https://late.example')).to.match(/^\d{8}$/);
    report({
      ...{ attack: 'clients of very many networks', tried: SIZES.networks, refused: seen.of('401 unauthenticated') },
      ...{ quiet: scene.quiet, during },
      note: `${String(seen)}; ${seconds.toFixed(0)} s; relay ${rss.toFixed(0)} MiB, Redis ${redis.toFixed(1)} MiB more; another’s login was mailed`,
    });
  });

  it('guess the code of one login, each a little: fifteen guesses in all, and only that e-mail waits (3.2)', async () => {
    const email = 'victim@guessed.example';
    const started = await login(email, (fresh += 2), 'https://guessed.example');
    const code = await mailedCode(scene.relay, 'https://guessed.example');
    const wrong = code === '00000000' ? '00000001' : '00000000';
    const seen = new Tally();
    const { during } = await scene.during(() =>
      // Not all guesses are made at one login: each is ended by the fifth.
      inParallel(SIZES.guessingNetworks, 8, async (index) => {
        const network = fresh + 2 + index * 2;
        const { body } = await login(email, network, 'https://guessed.example');
        for (let guess = 0; guess < 5; guess += 1) {
          const { status, code: answer } = await tryCode(body['loginId'], wrong, network);
          seen.add(`${status} ${answer}`);
        }
      }),
    );
    fresh += 2 + SIZES.guessingNetworks * 2;
    expect(seen.names).to.deep.equal(['401 unauthenticated']);
    // The right code is one of too many now, and says nothing else.
    const right = await tryCode(started.body['loginId'], code, (fresh += 2));
    expect([right.status, right.code]).to.deep.equal([401, 'unauthenticated']);
    expect((await login('other@guessed.example', (fresh += 2), 'https://other.example')).status).to.equal(202);
    expect(await mailedCode(scene.relay, 'https://other.example')).to.match(/^\d{8}$/);
    const tried = SIZES.guessingNetworks * 5;
    report({
      attack: 'guessed login codes, many networks',
      tried,
      refused: seen.of('401 unauthenticated'),
      quiet: scene.quiet,
      during,
      note: `${SIZES.guessingNetworks} networks; the right code is refused then, too; another e-mail is mailed`,
    });
  });

  /** How many there are once no more come. */
  async function mailsTo(email: string): Promise<number> {
    const outbox = join(scene.relay.dataDir, 'outbox');
    const count = (): number =>
      readdirSync(outbox).filter(
        (name) => name.endsWith('.eml') && readFileSync(join(outbox, name), 'utf8').includes(email),
      ).length;
    await until(() => count() >= 6);
    await new Promise((resolve) => setTimeout(resolve, 200));
    return count();
  }

  it('use up the mails of one e-mail: three a network, ten in all, and the owner’s network has its own three (3.1)', async () => {
    const email = 'owner@mailed.example';
    const owner = (fresh += 2);
    const { during } = await scene.during(() =>
      inParallel(60, 8, async (index) => {
        expect((await login(email, fresh + 2 + (index % 2) * 2, 'https://mailed.example')).status).to.equal(202);
      }),
    );
    const mailed = await mailsTo(email);
    expect(mailed).to.equal(6);
    expect((await login(email, owner, 'https://mailed-owner.example')).status).to.equal(202);
    expect(await mailedCode(scene.relay, 'https://mailed-owner.example')).to.match(/^\d{8}$/);
    report({
      attack: 'mails to one e-mail from two networks',
      tried: 60,
      refused: 60 - mailed,
      quiet: scene.quiet,
      during,
      note: 'the owner was mailed all the same',
    });
  });
});
