import { expect } from 'chai';

import { makeReleaseKey } from '../../support/releases.js';
import { ScriptedUpdate } from '../support/scripted-update.js';
import { UpdateLab } from '../support/update-lab.js';

describe('A simulated door and releases it does not take (protocol 12.5, 12.7)', () => {
  const lab = new UpdateLab();

  describe('what it refuses before the first byte', () => {
    const stranger = makeReleaseKey();
    const cases: readonly (readonly [string, () => string, string])[] = [
      ['something that is no manifest', () => 'x', 'bad_signature'],
      ['a manifest without a signature', () => lab.release().manifest.replace(/\.[^.]*$/, '.'), 'bad_signature'],
      ['a manifest that was changed', () => tampered(lab.release().manifest), 'bad_signature'],
      ['a signature of another length', () => `${lab.release().manifest}AAAA`, 'bad_signature'],
      ['a header with another algorithm', () => lab.release({ header: { alg: 'none' } }).manifest, 'bad_signature'],
      ['a header with more in it', () => lab.release({ header: { jwk: {} } }).manifest, 'bad_signature'],
      ['claims with more in them', () => lab.release({ claims: { extra: 1 } }).manifest, 'bad_signature'],
      ['a key it does not trust', () => lab.release({ key: stranger }).manifest, 'unknown_key'],
      [
        'a key that claims to be a trusted one',
        () => lab.release({ key: stranger, header: { kid: lab.key.kid } }).manifest,
        'bad_signature',
      ],
      ['another product', () => lab.release({ claims: { product: 'toaster' } }).manifest, 'wrong_product'],
      [
        'another product by an unknown key',
        () => lab.release({ key: stranger, claims: { product: 'toaster' } }).manifest,
        'unknown_key',
      ],
      ['another board', () => lab.release({ board: 'esp32dev' }).manifest, 'wrong_board'],
      ['a release past its time', () => lab.release({ claims: { expiresAt: Date.now() - 1000 } }).manifest, 'expired'],
      ['a security version below its own', () => lab.release({ securityVersion: 1 }).manifest, 'security_version'],
      ['an older version', () => lab.release({ version: '0.9.9' }).manifest, 'downgrade'],
      ['the version it runs', () => lab.release({ version: '1.0.0' }).manifest, 'downgrade'],
      ['a pre-release of the version it runs', () => lab.release({ version: '1.0.0-rc.9' }).manifest, 'downgrade'],
      ['an image past 4 MiB', () => lab.release({ claims: { size: 4 * 1024 * 1024 + 1 } }).manifest, 'too_large'],
      ['an image its slot has no room for', () => lab.release({ claims: { size: 100_001 } }).manifest, 'no_space'],
    ];
    for (const [name, manifest, code] of cases) {
      it(`${name}: ${code}`, async () => {
        const { door, peer } = await lab.connect({ slotBytes: 100_000 });
        const update = new ScriptedUpdate(peer, 'u1', lab.release()).offer(manifest());
        expect(await update.phase('refuse')).to.include({ code });
        expect(update.gets).to.deep.equal([]);
        expect(door.live).to.equal(true);
      });
    }

    it('trusts the first four keys, and no fifth', async () => {
      const keys = Array.from({ length: 5 }, () => makeReleaseKey());
      const { peer } = await lab.connect({ releaseKeys: keys.map(({ pem }) => pem) });
      const [first, , , fourth, fifth] = keys;
      for (const [id, by, phase] of [
        ['u1', fifth, 'refuse'],
        ['u2', first, 'accept'],
        ['u3', fourth, 'accept'],
      ] as const) {
        const update = new ScriptedUpdate(peer, id, lab.release({ key: by ?? lab.key }));
        update.onGet = () => undefined;
        expect(await update.offer().phase(phase)).to.include(
          phase === 'refuse' ? { code: 'unknown_key' } : { offset: 0 },
        );
      }
    });

    it('trusts what `configure` says instead of what it was built with', async () => {
      const { peer } = await lab.connect();
      const configure = lab.command('configure', { releaseKeys: [stranger.pem] });
      expect((await peer.command(configure)).status).to.equal(200);
      expect(await new ScriptedUpdate(peer, 'u1', lab.release()).offer().phase('refuse')).to.include({
        code: 'unknown_key',
      });
      await new ScriptedUpdate(peer, 'u2', lab.release({ key: stranger })).offer().phase('accept');
    });
  });

  function tampered(manifest: string): string {
    const [header = '', payload = '', signature = ''] = manifest.split('.');
    const claims = { ...(JSON.parse(Buffer.from(payload, 'base64url').toString()) as object), version: '9.9.9' };
    return [header, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.');
  }
});
