import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';

import { expect } from 'chai';

import { until } from '../support/counting.js';
import { addressIn, Attacker, inParallel } from './support/attacker.js';
import { report, Tally } from './support/figures.js';
import { mutateText } from './support/mutations.js';
import { Scene } from './support/scene.js';
import { chooseSeed, Seeded } from './support/seeded.js';
import { SIZES } from './support/sizes.js';

/** Hosts as somebody may write them, and as the standard writes them; worked out by hand. `undefined`: no host. */
const HOSTS: readonly (readonly [string, string | undefined])[] = [
  ['shop.example', 'shop.example'],
  ['SHOP.Example', 'shop.example'],
  ['shop.example.', 'shop.example'],
  ['a-b.c-d.example', 'a-b.c-d.example'],
  ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
  ['bücher.example', 'xn--bcher-kva.example'],
  ['BÜCHER.example', 'xn--bcher-kva.example'],
  ['ｓｈｏｐ.example', 'shop.example'],
  ['shop。example', 'shop.example'],
  ['shop．example', 'shop.example'],
  ['s\u00adhop.example', 'shop.example'],
  ['ⓢhop.example', 'shop.example'],
  ['%73hop.example', 'shop.example'],
  ['faß.example', 'xn--fa-hia.example'],
  ['localhost', 'localhost'],
  ['intranet', 'intranet'],
  ['127.0.0.1', '127.0.0.1'],
  ['127.1', '127.0.0.1'],
  ['127.0.1', '127.0.0.1'],
  ['0177.0.0.1', '127.0.0.1'],
  ['0x7f.0.0.1', '127.0.0.1'],
  ['0x7f000001', '127.0.0.1'],
  ['2130706433', '127.0.0.1'],
  ['017700000001', '127.0.0.1'],
  ['127.0.0.1.', '127.0.0.1'],
  ['１２７.0.0.1', '127.0.0.1'],
  ['0', '0.0.0.0'],
  ['10.0.0.1', '10.0.0.1'],
  ['169.254.169.254', '169.254.169.254'],
  ['192.168.1.1', '192.168.1.1'],
  ['100.64.0.1', '100.64.0.1'],
  ['[::1]', '[::1]'],
  ['[0:0:0:0:0:0:0:1]', '[::1]'],
  ['[::]', '[::]'],
  ['[::ffff:127.0.0.1]', '[::ffff:7f00:1]'],
  ['[0:0:0:0:0:ffff:7f00:1]', '[::ffff:7f00:1]'],
  ['[64:ff9b::127.0.0.1]', '[64:ff9b::7f00:1]'],
  ['[2002:7f00:1::]', '[2002:7f00:1::]'],
  ['[fe80::1]', '[fe80::1]'],
  ['[FC00::1]', '[fc00::1]'],
  ['', undefined],
  ['.', undefined],
  ['shop example', undefined],
  ['shop\texample', undefined],
  ['shop\nexample', undefined],
  ['shop\u0000example', undefined],
  ['shop%00example', undefined],
  ['shop%2fexample', undefined],
  ['shop%zzexample', undefined],
  ['shop<example', undefined],
  ['shop^example', undefined],
  ['shop|example', undefined],
  ['[::1', undefined],
  ['::1', undefined],
  ['[::1%25eth0]', undefined],
  ['[fe80::1%eth0]', undefined],
  ['[1.2.3.4]', undefined],
  ['[::g]', undefined],
  ['256.1.1.1', undefined],
  ['1.2.3.4.5', undefined],
  ['0x100000000', undefined],
  ['127.0.0.09', undefined],
  ['xn--a', undefined],
  ['shop\\evil.example', undefined],
];
const SCHEMES: readonly (readonly [string, boolean])[] = [
  ['https://', true],
  ['HTTPS://', true],
  ['http://', false],
  ['ftp://', false],
  ['file://', false],
  ['ws://', false],
  ['javascript:', false],
  ['data:', false],
  ['//', false],
  ['', false],
  [' https://', false],
  ['https:', false],
  ['https:/', false],
  ['https:\\\\', false],
  ['https:///', false],
  ['blob:https://', false],
  ['view-source:https://', false],
];
const USERS: readonly string[] = ['user@', 'user:pw@', '@', ':@', 'shop.example%40', 'a@b@', 'shop.example\\@'];
const PORTS: readonly (readonly [string, string | undefined])[] = [
  [':443', ''],
  [':8443', ':8443'],
  [':80', ':80'],
  [':0443', ''],
  [':', ''],
  [':65535', ':65535'],
  [':65536', undefined],
  [':-1', undefined],
  [':x', undefined],
  [':443:443', undefined],
  [': 443', undefined],
];
const TAILS: readonly (readonly [string, boolean])[] = [
  ['/', true],
  ['//', false],
  ['/path', false],
  ['/.', false],
  ['/../', false],
  ['?', false],
  ['?q', false],
  ['#', false],
  ['#f', false],
  ['\\', false],
  [' ', false],
  ['\n', false],
];

interface Case {
  readonly website: string;
  /** What must come of it; `null`: only the invariants are known. */
  readonly origin: string | undefined | null;
}

/** Who asks for whose website (protocol 3.1), on a relay that takes no private sites. */
describe('websites that are none, or somebody else’s (protocol 3.1, 3.2)', function () {
  this.timeout(180_000);
  const random = new Seeded(chooseSeed());
  let scene: Scene;
  let attacker: Attacker;
  let visits = 0;

  before(async () => {
    scene = await Scene.open({ OPENLOCK_ALLOW_PRIVATE_SITES: 'false', OPENLOCK_TRUST_PROXY: '1' });
    attacker = new Attacker(scene.relay, '127.0.0.2', 32);
  });
  after(async () => {
    attacker?.close();
    await scene?.close();
  });

  const post = (path: string, body: object) =>
    attacker.ask('POST', path, { body, headers: { 'x-forwarded-for': addressIn((visits += 2)) } });

  function cases(): readonly Case[] {
    const all: Case[] = HOSTS.map(([host, canonical]) => ({
      website: `https://${host}`,
      origin: canonical === undefined ? undefined : `https://${canonical}`,
    }));
    const good = HOSTS.filter((entry): entry is readonly [string, string] => entry[1] !== undefined);
    while (all.length < SIZES.origins) {
      const [host, canonical] = random.pick(good);
      // One part at a time is wrong, or none: which one it was must be seen.
      const what = random.below(6);
      const [scheme, goodScheme] = what === 0 ? random.pick(SCHEMES) : (['https://', true] as const);
      const user = what === 1 ? random.pick(USERS) : '';
      const [port, canonicalPort] = what === 2 || what === 5 ? random.pick(PORTS) : (['', ''] as const);
      const [tail, goodTail] = what === 3 ? random.pick(TAILS) : (['', true] as const);
      const website = `${scheme}${user}${host}${port}${tail}`;
      if (what === 4) all.push({ website: mutateText(random, website), origin: null });
      else if (!goodScheme || !goodTail || canonicalPort === undefined) all.push({ website, origin: undefined });
      // Nothing but the invariants: `shop.example%40host` is refused for its host, `https:host` for its port.
      else if (user !== '') all.push({ website, origin: undefined });
      else all.push({ website, origin: `https://${canonical}${canonicalPort}` });
    }
    return all;
  }

  it('with private addresses, and the right code: 403, and nothing was ever fetched', async () => {
    let connections = 0;
    const trap = createServer((socket) => {
      connections += 1;
      socket.destroy();
    });
    await new Promise<void>((resolve) => trap.listen(0, '::', resolve));
    const { port } = trap.address() as AddressInfo;
    const isAddress = (host: string): boolean => /^[[0-9]/.test(host);
    const hosts = HOSTS.filter(
      ([, canonical]) => canonical !== undefined && (isAddress(canonical) || canonical === 'localhost'),
    );
    const outbox = join(scene.relay.dataDir, 'outbox');
    mkdirSync(outbox, { recursive: true });
    const answers = new Tally();
    await Promise.all(
      hosts.map(async ([host], index) => {
        const email = `trap${index}@stranger.example`;
        const login = await post('/v1/auth/login', { email, website: `https://${host}:${port}` });
        let code: string | undefined;
        await until(() => (code = codeFor(outbox, email)) !== undefined, 20_000);
        const answer = await post('/v1/auth/token', { loginId: login.body['loginId'], code });
        answers.add(`${answer.status} ${answer.code}`);
        expect([answer.status, answer.code], host).to.deep.equal([403, 'website_unverified']);
      }),
    );
    expect(connections).to.equal(0);
    await new Promise((resolve) => trap.close(resolve));
    report({
      attack: 'private addresses to be fetched',
      tried: hosts.length,
      refused: answers.of('403 website_unverified'),
      note: `${connections} connections`,
    });
  });

  it(`${SIZES.origins} of them: the origin or a refusal, as worked out by hand; never anything else`, async () => {
    const wrong: string[] = [];
    const seen = new Tally();
    const list = cases();
    await inParallel(list.length, 32, async (index) => {
      const { website, origin } = list[index] ?? { website: '', origin: undefined };
      const answer = await post('/v1/auth/login', { email: `u${index}@stranger.example`, website });
      const got = (answer.body['website'] as { origin: string } | undefined)?.origin;
      seen.add(`${answer.status} ${answer.code}`.trim());
      const isRight =
        answer.status === 202
          ? isOriginOf(got, website) && (origin === null || got === origin)
          : answer.status === 400 && answer.code === 'invalid_request' && (origin ?? undefined) === undefined;
      if (!isRight)
        wrong.push(`${JSON.stringify(website)}: ${answer.status} ${got ?? answer.code}, not ${origin ?? 'a refusal'}`);
    });
    expect(wrong, String(random)).to.deep.equal([]);
    scene.expectAlive();
    expect(seen.of('202')).to.be.above(list.length / 10);
    report({
      attack: 'websites that are none',
      tried: list.length,
      refused: seen.of('400 invalid_request'),
      note: `${String(seen)}; ${String(random)}`,
    });
  });
});

/** What holds of every origin, whatever it was asked by: the standard's, of that very text, without the root's dot. */
function isOriginOf(origin: string | undefined, website: string): boolean {
  if (origin === undefined) return false;
  const url = new URL(website);
  const again = new URL(origin);
  return (
    again.origin === origin &&
    url.origin.replace(/\.(?=:\d+$|$)/, '') === origin &&
    url.protocol === 'https:' &&
    !/[?#\\@\s]/.test(website) &&
    [url.username, url.password, url.search, url.hash].every((text) => text === '')
  );
}

function codeFor(outbox: string, email: string): string | undefined {
  for (const name of readdirSync(outbox)) {
    if (!name.endsWith('.eml')) continue;
    const text = readFileSync(join(outbox, name), 'utf8');
    if (text.includes(email)) return /^\s*([0-9]{8})\s*$/m.exec(text)?.[1];
  }
  return undefined;
}
