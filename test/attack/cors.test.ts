import { expect } from 'chai';

import type { TestSite } from '../support/site.js';
import { addressIn, Attacker, inParallel, type Answer } from './support/attacker.js';
import { report, Tally } from './support/figures.js';
import { Scene } from './support/scene.js';

interface Ask {
  readonly path: string;
  readonly method: string;
  readonly origin: string;
}

/** Who may read (protocol 3.6), and with which status and code he is answered. */
interface Verdict {
  readonly isReadable: boolean;
  readonly answer?: string | undefined;
}

/** Every origin at every route with every method, on a whole relay: exactly what protocol 3.6 says. */
describe('browsers of all origins at all routes (protocol 3.6)', function () {
  this.timeout(120_000);
  let scene: Scene;
  let site: TestSite;
  let other: TestSite;
  let attacker: Attacker;
  let routes: readonly (readonly [path: string, method: string])[];
  let visits = 0;

  before(async () => {
    scene = await Scene.open({ OPENLOCK_TRUST_PROXY: '1' });
    site = await scene.site('owner@example.test');
    other = await scene.site('other@example.test');
    attacker = new Attacker(scene.relay, '127.0.0.2', 16);
    const document = (await attacker.ask('GET', '/openapi.json')).body as { paths: Record<string, object> };
    routes = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => [path.replace(/\{[^}]+\}/g, 'front-door'), method.toUpperCase()] as const),
    );
  });
  after(async () => {
    attacker?.close();
    await scene?.close();
  });

  const isDevice = (path: string): boolean => path.startsWith('/v1/devices/');
  const isSite = (path: string): boolean => path.startsWith('/v1/doors') || path === '/v1/auth/revoke';
  /** Known are the origins of sites that have proved themselves, spelt as they are. */
  const isKnown = (origin: string): boolean => [site.origin, other.origin].includes(origin);
  /** What a website's origin looks like; this relay takes plain http, too. */
  const couldBeWebsite = (origin: string): boolean => {
    const [, host = '', port = '1'] = /^https?:\/\/([a-z0-9.-]*[a-z0-9])(?::([1-9]\d*))?$/.exec(origin) ?? [];
    const isUsualHost = /^\d+(\.\d+){3}$/.test(host) || /(^|\.)[a-z][a-z0-9-]*$/.test(host);
    return isUsualHost && Number(port) < 65_536;
  };

  function verdictOn({ path, method, origin }: Ask): Verdict {
    const exists = routes.some(([known]) => known === path);
    const isLogin = path === '/v1/auth/login' || path === '/v1/auth/token';
    if (isDevice(path))
      return method === 'OPTIONS'
        ? { isReadable: false, answer: '204' }
        : { isReadable: false, answer: '403 forbidden_origin' };
    if (method === 'OPTIONS' && exists)
      return { isReadable: isLogin ? couldBeWebsite(origin) : isKnown(origin), answer: '204' };
    if (!exists) return { isReadable: isKnown(origin), answer: '404 not_found' };
    if (!routes.some(([known, by]) => known === path && by === method))
      return { isReadable: isKnown(origin), answer: '405 method_not_allowed' };
    // Asked for the first site's website, with its token.
    if (path === '/v1/auth/login')
      return origin === site.origin
        ? { isReadable: true, answer: '202' }
        : { isReadable: false, answer: '403 forbidden_origin' };
    if (path === '/v1/auth/token') return { isReadable: isKnown(origin), answer: '401 unauthenticated' };
    if (isSite(path) && origin !== site.origin) return { isReadable: isKnown(origin), answer: '403 forbidden_origin' };
    return { isReadable: isKnown(origin) };
  }

  const origins = (): readonly string[] => {
    const { origin } = site;
    const port = new URL(origin).port;
    return [
      origin,
      other.origin,
      'null',
      '',
      '*',
      'https://stranger.example',
      'https://stranger.example:8443',
      'http://stranger.example',
      `${origin}/`,
      `${origin}.`,
      `${origin}0`,
      origin.replace('http:', 'https:'),
      origin.replace('http:', 'HTTP:'),
      `http://localhost:${port}`,
      `http://127.0.0.1.evil.example:${port}`,
      `http://evil.example@127.0.0.1:${port}`,
      `http://0x7f.0.0.1:${port}`,
      `${origin},${other.origin}`,
      `${origin} ${other.origin}`,
      'https://Stranger.example',
      'chrome-extension://abcdef',
      'file://',
      'javascript:alert(1)',
    ];
  };

  async function ask({ path, method, origin }: Ask): Promise<Answer> {
    visits += 1;
    const body =
      path === '/v1/auth/login'
        ? { email: `u${visits}@stranger.example`, website: site.origin }
        : path === '/v1/auth/token'
          ? { loginId: 'login_AAAAAAAAAAAAAAAAAAAAAA', code: '00000000' }
          : {};
    // The session of the matrix must not be ended by it.
    const token = path === '/v1/auth/revoke' && origin === site.origin ? 'x' : site.accessToken;
    return attacker.ask(method, path, {
      ...(method === 'POST' && { body }),
      token,
      headers: {
        'x-forwarded-for': addressIn(visits),
        origin,
        ...(method === 'OPTIONS' && {
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'authorization,content-type',
        }),
      },
    });
  }

  it('are let read what is theirs, and nothing else, in every case', async () => {
    const paths = [
      ...new Set(routes.map(([path]) => path)),
      '/nothing',
      '/v1/auth',
      '/v1/doors/front-door/commands/x/y',
    ];
    const asks = paths.flatMap((path) =>
      ['GET', 'POST', 'OPTIONS', 'DELETE', 'PUT'].flatMap((method) =>
        origins().map((origin) => ({ path, method, origin })),
      ),
    );
    const wrong: string[] = [];
    const seen = new Tally();
    let readable = 0;
    await inParallel(asks.length, 16, async (index) => {
      const one = asks[index] as Ask;
      const reply = await ask(one);
      const verdict = verdictOn(one);
      const answer = `${reply.status} ${reply.code}`.trim();
      seen.add(answer);
      if (verdict.isReadable) readable += 1;
      const problems = [
        ...(verdict.answer !== undefined && verdict.answer !== answer
          ? [`answered ${answer}, not ${verdict.answer}`]
          : []),
        ...headerFaults(reply, one, verdict),
      ];
      if (problems.length > 0) wrong.push(`${one.method} ${one.path} from "${one.origin}": ${problems.join('; ')}`);
    });
    expect(wrong).to.deep.equal([]);
    scene.expectAlive();
    report({
      attack: 'CORS matrix',
      tried: asks.length,
      refused: asks.length - readable,
      note: `${readable} readable; ${String(seen)}`,
    });
  });

  it('may open a client socket of their own token, and of no other', async () => {
    const upgrade = {
      ...{ upgrade: 'websocket', connection: 'Upgrade', 'sec-websocket-version': '13' },
      ...{ 'sec-websocket-key': Buffer.alloc(16).toString('base64'), 'sec-websocket-protocol': 'openlock.client.v1' },
    };
    for (const origin of origins()) {
      const headers = { ...upgrade, origin, 'x-forwarded-for': addressIn((visits += 1)) };
      const { status } = await attacker.ask('GET', '/v1/socket', { token: site.accessToken, headers });
      expect(status, origin).to.equal(origin === site.origin ? 101 : 403);
    }
  });
});

function headerFaults({ headers }: Answer, { method, origin }: Ask, { isReadable }: Verdict): readonly string[] {
  const allowed = headers['access-control-allow-origin'];
  const others = Object.keys(headers).filter(
    (name) => name.startsWith('access-control-') && name !== 'access-control-allow-origin',
  );
  const faults: string[] = [];
  if (allowed !== (isReadable ? origin : undefined)) faults.push(`allowed ${String(allowed)}`);
  if (!isReadable && others.length > 0) faults.push(`says ${others.join(', ')} to somebody who may not read`);
  if (headers['access-control-allow-credentials'] !== undefined) faults.push('allows cookies');
  if (!String(headers['vary']).split(/, */).includes('Origin')) faults.push(`varies by ${String(headers['vary'])}`);
  const exposed = String(headers['access-control-expose-headers']);
  if (isReadable && method !== 'OPTIONS' && exposed !== 'Retry-After,X-Request-Id') faults.push(`exposes ${exposed}`);
  return faults;
}
