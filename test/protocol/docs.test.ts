import { readFileSync } from 'node:fs';

import { expect } from 'chai';

import { CLOSE } from '../../src/protocol/close-codes.js';
import { ACT_SCOPES, PARAMS_SCHEMAS } from '../../src/protocol/command-body.js';
import { EVENT_KINDS } from '../../src/protocol/door-state.js';
import { parseCommandEnvelope } from '../../src/protocol/envelope.js';
import { PROBLEMS } from '../../src/protocol/problem.js';
import { RECEIPT_CODES } from '../../src/protocol/receipt.js';
import { fixture } from './fixtures.js';

type Example = Readonly<
  Record<
    | 'kid'
    | 'headerText'
    | 'plaintext'
    | 'contentKeyHex'
    | 'oaepSeedHex'
    | 'ivHex'
    | 'commandId'
    | 'receiptIvHex'
    | 'receipt'
    | 'jwe'
    | 'thumbprintInput',
    string
  >
>;

describe('docs/protocol.md', () => {
  const docs = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8');
  const row = (name: string | number): string =>
    docs.split('\n').find((line) => line.startsWith(`| \`${name}\` |`) || line.startsWith(`| ${name} |`)) ?? '';

  it('lists every code with its status and what to do', () => {
    for (const [code, { status, next }] of Object.entries(PROBLEMS))
      expect(docs, code).to.include(`| \`${code}\` | ${status} | ${next} |`);
  });

  it('lists every close code, receipt code, act, setting and event', () => {
    for (const { code } of Object.values(CLOSE)) expect(row(code), String(code)).to.not.equal('');
    for (const code of RECEIPT_CODES) expect(row(code), code).to.not.equal('');
    for (const [act, scope] of Object.entries(ACT_SCOPES)) expect(row(act), act).to.include(`| ${scope} |`);
    for (const setting of Object.keys(PARAMS_SCHEMAS.configure.shape))
      expect(docs, setting).to.include(`\`${setting}\``);
    for (const kind of EVENT_KINDS) expect(docs, kind).to.include(`\`${kind}\``);
  });

  it('shows the values of the worked example', () => {
    const example = fixture<Example>('worked-example.json');
    const {
      kid,
      headerText,
      contentKeyHex,
      oaepSeedHex,
      ivHex,
      commandId,
      receiptIvHex,
      receipt,
      jwe,
      plaintext,
      thumbprintInput,
    } = example;
    const values = [
      kid,
      headerText,
      contentKeyHex,
      oaepSeedHex,
      ivHex,
      commandId,
      receiptIvHex,
      `${jwe.length} characters`,
      plaintext.replace(/ +"}$/, ''),
      thumbprintInput.slice(0, 36),
    ];
    for (const value of [...values, jwe.split('.')[4] ?? '', receipt.split('.')[4] ?? ''])
      expect(docs).to.include(value);
    expect(parseCommandEnvelope(jwe).ok).to.equal(true);
  });

  it('has links that lead somewhere', () => {
    const anchors = new Set(
      [...docs.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
        title
          .toLowerCase()
          .replace(/[^a-z0-9 -]/g, '')
          .replaceAll(' ', '-'),
      ),
    );
    for (const [, anchor] of docs.matchAll(/\]\(#([^)]+)\)/g)) expect(anchors.has(anchor ?? ''), anchor).to.equal(true);
  });
});
