import { createDecipheriv, createPrivateKey, privateDecrypt } from 'node:crypto';

import { expect } from 'chai';

import { ACT_SCOPES, commandBodySchema, isAct, PARAMS_SCHEMAS } from '../../src/protocol/command-body.js';
import { parseCommandEnvelope } from '../../src/protocol/envelope.js';
import { parseStrictJson } from '../../src/protocol/strict-json.js';
import { fixture } from './fixtures.js';

interface Vectors {
  readonly doorKeyPem: string;
  readonly password: string;
  readonly cases: readonly {
    readonly name: string;
    readonly jwe: string;
    readonly expect: { readonly code?: string };
  }[];
}

describe('the plaintext of a command', () => {
  const { doorKeyPem, cases, password } = fixture<Vectors>('command-envelopes.json');

  function open(jwe: string): unknown {
    const [header = '', key = '', iv = '', ciphertext = '', tag = ''] = jwe.split('.');
    const contentKey = privateDecrypt(
      { key: createPrivateKey(doorKeyPem), oaepHash: 'sha256' },
      Buffer.from(key, 'base64url'),
    );
    const decipher = createDecipheriv('aes-256-gcm', contentKey, Buffer.from(iv, 'base64url'));
    decipher.setAAD(Buffer.from(header)).setAuthTag(Buffer.from(tag, 'base64url'));
    return parseStrictJson(
      Buffer.concat([decipher.update(Buffer.from(ciphertext, 'base64url')), decipher.final()]).toString('utf8'),
    );
  }

  /** What the schemas alone can say; keys, time and rings are the door's. */
  function judged(jwe: string): string {
    const body = commandBodySchema.safeParse(open(jwe));
    if (!body.success) return 'malformed';
    const { act, params, credential } = body.data;
    const envelope = parseCommandEnvelope(jwe);
    if (!isAct(act) || credential.type === 'unknown') return 'unsupported';
    if (!envelope.ok || ACT_SCOPES[act] !== envelope.header.scope) return 'wrong_scope';
    if (credential.password !== password) return 'bad_credential';
    return PARAMS_SCHEMAS[act].safeParse(params ?? {}).success ? 'ok' : 'invalid_params';
  }

  const decided = new Set(['ok', 'malformed', 'unsupported', 'wrong_scope', 'bad_credential', 'invalid_params']);
  for (const entry of cases.filter(({ expect: { code } }) => code !== undefined && decided.has(code))) {
    it(`${entry.expect.code}: ${entry.name}`, () => {
      expect(judged(entry.jwe)).to.equal(entry.expect.code);
    });
  }

  it('knows no act by the name of an object member', () => {
    for (const name of ['constructor', 'toString', '__proto__', 'hasOwnProperty', ''])
      expect(isAct(name)).to.equal(false);
    expect(isAct(undefined)).to.equal(false);
  });

  it('counts the characters of a password, not its bytes', () => {
    const configure = PARAMS_SCHEMAS.configure;
    expect(configure.safeParse({ doorPassword: '€'.repeat(7) }).success).to.equal(false);
    expect(configure.safeParse({ doorPassword: '😀'.repeat(8) }).success).to.equal(true);
    expect(configure.safeParse({ doorPassword: '😀'.repeat(128) }).success).to.equal(true);
    expect(configure.safeParse({ doorPassword: '😀'.repeat(129) }).success).to.equal(false);
  });
});
