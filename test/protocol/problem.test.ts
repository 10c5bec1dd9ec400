import { readFileSync } from 'node:fs';

import { expect } from 'chai';

import { isProblemCode, OpenLockError, PROBLEMS, toProblemBody, type ProblemCode } from '../../src/protocol/problem.js';

/** Protocol 9, status by status. */
const CONTRACT: Readonly<Record<number, string>> = {
  400: 'invalid_request invalid_envelope',
  401: 'unauthenticated token_expired token_revoked',
  403: 'forbidden_origin action_not_allowed key_banned ip_blocked site_blocked door_disabled website_unverified',
  404: 'not_found door_not_found key_not_found command_not_found',
  405: 'method_not_allowed',
  409: 'replayed wrong_key',
  413: 'payload_too_large',
  415: 'unsupported_media_type',
  422: 'stale_timestamp door_refused',
  426: 'upgrade_required',
  429: 'rate_limited',
  500: 'internal',
  503: 'door_offline store_unavailable',
  504: 'door_timeout',
};

describe('problems', () => {
  const expected = Object.entries(CONTRACT).flatMap(([status, codes]) =>
    codes.split(' ').map((code) => ({ code, status: Number(status) })),
  );

  it('are exactly the codes of protocol 9, each with its status', () => {
    const table = Object.entries(PROBLEMS).map(([code, { status }]) => ({ code, status: status }));
    expect(table).to.have.deep.members(expected);
  });

  it('are all explained in docs/protocol.md', () => {
    const docs = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8');
    for (const { code } of expected) expect(docs, code).to.include(`\`${code}\``);
  });

  it('know their codes from other texts', () => {
    expect(isProblemCode('replayed')).to.equal(true);
    for (const other of ['Replayed', '', 'constructor', '__proto__', 5, undefined, null])
      expect(isProblemCode(other)).to.equal(false);
  });

  it('become a problem body with only the members that are set', () => {
    const body = toProblemBody(
      new OpenLockError('rate_limited', 'slow down', { retryAfterMs: 250, cause: new Error('secret') }),
      'r1',
    );
    expect(body).to.deep.equal({
      type: 'urn:openlock:problem:rate_limited',
      title: PROBLEMS.rate_limited.title,
      status: 429,
      code: 'rate_limited',
      detail: 'slow down',
      requestId: 'r1',
      retryAfterMs: 250,
    });
  });

  it("carry the door's own status when the door refused (protocol 7.3)", () => {
    const error = new OpenLockError('door_refused', 'no', {
      commandId: 'c',
      state: 'refused',
      doorStatus: 400,
      receipt: 'r',
    });
    expect(error.status).to.equal(422);
    expect(toProblemBody(error, 'r1')).to.include({ status: 400, commandId: 'c', state: 'refused', receipt: 'r' });
  });

  it('are errors with a code, a cause and the status of the code', () => {
    const cause = new Error('x');
    for (const code of Object.keys(PROBLEMS) as ProblemCode[]) {
      const error = new OpenLockError(code, 'detail', { cause });
      expect(error).to.be.instanceOf(Error);
      expect(error).to.include({ code, status: PROBLEMS[code].status, message: 'detail', cause });
    }
  });
});
