/** Three makers of envelopes that share no code, and three readers of receipts. */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';

import { systemRandom } from '../../../../src/client/ambient.js';
import { sealCommand } from '../../../../src/client/envelope.js';
import { verifyServedKey } from '../../../../src/client/key-pin.js';
import { readReceipt } from '../../../../src/client/receipt.js';
import type { DoorKey } from '../../../../src/protocol/api.js';
import { ACT_SCOPES, type Act } from '../../../../src/protocol/command-body.js';
import type { Receipt } from '../../../../src/protocol/receipt.js';
import { openReceipt, seal } from '../../../simulator/support/seal.js';

export interface Wish {
  readonly key: DoorKey;
  readonly act: Act;
  readonly password: string;
  readonly params?: Record<string, unknown>;
}

export interface Made {
  readonly jwe: string;
  readonly jti: string;
  readonly doorId: string;
  readonly replyKey: Uint8Array;
}

export type Maker = (wish: Wish) => Promise<Made>;
export type Reader = (receipt: string, made: Made) => Promise<Receipt>;

const SCRIPT = fileURLToPath(new URL('./jwcrypto_maker.py', import.meta.url));
/** Debian's own comes first: a Python of somebody's own does not see Debian's packages. */
const PYTHONS = ['/usr/bin/python3', 'python3'];

function pythonWithJwcrypto(): string | undefined {
  return PYTHONS.find(
    (python) => spawnSync(python, ['-c', 'import jwcrypto'], { stdio: 'ignore', timeout: 20_000 }).status === 0,
  );
}

export const hasJwcrypto = (): boolean => pythonWithJwcrypto() !== undefined;

function jwcrypto(request: object): Record<string, unknown> {
  const { status, stdout, stderr } = spawnSync(pythonWithJwcrypto() ?? 'python3', [SCRIPT], {
    input: `${JSON.stringify(request)}\n`,
    encoding: 'utf8',
    timeout: 30_000,
  });
  if (status !== 0) throw new Error(`jwcrypto: ${stderr}`);
  return JSON.parse(stdout) as Record<string, unknown>;
}

export const MAKERS: Readonly<Record<'the SDK' | 'node:crypto' | 'jwcrypto', Maker>> = {
  'the SDK': async ({ key, act, password, params }) => {
    const trusted = await verifyServedKey(key);
    const { jwe, jti, replyKey } = await sealCommand(
      { doorId: key.doorId, act, password, params },
      { key: trusted, iat: Date.now(), random: systemRandom },
    );
    return { jwe, jti, replyKey, doorId: key.doorId };
  },
  'node:crypto': ({ key, act, password, params }) => {
    const { jwe, jti, replyKey } = seal({
      publicPem: key.publicKey,
      kid: key.kid,
      door: key.doorId,
      password,
      act,
      ...(params !== undefined && { params }),
    });
    return Promise.resolve({ jwe, jti, replyKey, doorId: key.doorId });
  },
  jwcrypto: ({ key, act, password, params }) => {
    const replyKey = randomBytes(32);
    const plaintext = JSON.stringify({
      act,
      credential: { type: 'password', password },
      replyKey: replyKey.toString('base64url'),
      params,
    });
    const { jwe, jti } = jwcrypto({
      do: 'seal',
      publicPem: key.publicKey,
      kid: key.kid,
      door: key.doorId,
      scope: ACT_SCOPES[act],
      plaintext,
    });
    return Promise.resolve({ jwe: String(jwe), jti: String(jti), replyKey, doorId: key.doorId });
  },
};

export const READERS: Readonly<Record<keyof typeof MAKERS, Reader>> = {
  'the SDK': async (receipt, { replyKey, jti, doorId }) => {
    const reading = await readReceipt(receipt, { replyKey, jti, doorId });
    if (!reading.ok) throw new Error(reading.detail);
    return reading.receipt;
  },
  'node:crypto': (receipt, { replyKey }) => Promise.resolve(openReceipt(receipt, Buffer.from(replyKey))),
  jwcrypto: (receipt, { replyKey }) => {
    const { header, plaintext } = jwcrypto({
      do: 'open',
      receipt,
      replyKey: Buffer.from(replyKey).toString('base64url'),
    });
    const { alg, enc, typ } = header as Record<string, unknown>;
    if (alg !== 'dir' || enc !== 'A256GCM' || typ !== 'openlock-receipt+jwe')
      throw new Error('the receipt has another header');
    return Promise.resolve(JSON.parse(String(plaintext)) as Receipt);
  },
};
