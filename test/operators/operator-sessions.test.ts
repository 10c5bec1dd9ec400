import { once, EventEmitter } from 'node:events';

import { expect } from 'chai';

import { AuditTrail } from '../../src/audit/trail.js';
import { OperatorSessions } from '../../src/operators/operator-sessions.js';
import type { Caller, OperatorPrincipal } from '../../src/principal.js';
import { AccessTokens } from '../../src/sites/access-tokens.js';
import { SigningKeys } from '../../src/sites/signing-keys.js';
import { AuditStore } from '../../src/store/audit-store.js';
import { channels, operatorKeys } from '../../src/store/keys.js';
import { OperatorStore } from '../../src/store/operator-store.js';
import type { RedisLink } from '../../src/store/redis-link.js';
import { SiteStore } from '../../src/store/site-store.js';
import { context, ISSUER, outcomeOf, random, scratch } from '../sites/support/harness.js';
import { FakeClock } from '../support/fake-clock.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';

describe("sessions of the machine's own operator (protocol 11.2)", () => {
  const clock = new FakeClock();
  const files = scratch();
  let redis: TestRedis;
  let link: RedisLink;
  let tokens: AccessTokens;
  let sessions: OperatorSessions;

  before(async () => {
    redis = await startTestRedis();
    link = await redis.link();
    const keys = await SigningKeys.load(files.dir, clock);
    tokens = new AccessTokens({ keys, clock, random, issuers: () => [ISSUER], lifetimeSeconds: 900 });
    const audit = new AuditTrail({ store: new AuditStore(link), clock, node: 'test', onError: () => undefined });
    sessions = new OperatorSessions({ store: new OperatorStore(link), tokens, audit, random });
  });
  after(async () => {
    await redis.stop();
    files.remove();
  });

  const asOperator = (caller: Caller): OperatorPrincipal => {
    if (caller.kind !== 'operator') throw new Error('not the operator');
    return caller;
  };

  it('begin with a token of the operator, who is no site', async () => {
    const caller = asOperator(tokens.verify(await sessions.token(ISSUER)));
    expect(caller).to.deep.include({ kind: 'operator', origin: ISSUER });
    expect(caller).to.not.have.property('siteId');
    expect(await outcomeOf(sessions.admit(caller))).to.equal('ok');
    expect(await new SiteStore(link).all()).to.deep.equal([]);
  });

  it('are told in the trail, and end with their token', async () => {
    const { sessionId } = asOperator(tokens.verify(await sessions.token(ISSUER)));
    const entries = await new AuditStore(link).read(operatorKeys.audit, '-', 100);
    expect(JSON.parse(entries.at(-1)?.text ?? '{}')).to.include({ kind: 'token_issued', actor: 'operator' });
    expect(await link.run((client) => client.pttl(operatorKeys.session(sessionId)))).to.be.within(1, 900_000);
    expect(await new AuditStore(link).streams()).to.include(operatorKeys.audit);
  });

  it('end on every relay when they are revoked, once', async () => {
    const caller = asOperator(tokens.verify(await sessions.token(ISSUER)));
    const told = new EventEmitter();
    await link.subscribe(channels.fleet, (message) => told.emit('message', JSON.parse(message)));
    const message = once(told, 'message');
    await sessions.revoke(caller, context());
    expect(await message).to.deep.equal([{ t: 'session_revoked', siteId: 'operator', sessionId: caller.sessionId }]);
    expect(await outcomeOf(sessions.admit(caller))).to.equal('token_revoked');
    const count = async (): Promise<number> => (await new AuditStore(link).read(operatorKeys.audit, '-', 100)).length;
    const before = await count();
    await sessions.revoke(caller, context());
    expect(await count()).to.equal(before);
  });

  it('are refused while the store is away', async () => {
    const caller = asOperator(tokens.verify(await sessions.token(ISSUER)));
    await redis.kill();
    expect(await outcomeOf(sessions.admit(caller))).to.equal('store_unavailable');
  });
});
