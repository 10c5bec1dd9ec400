import { once } from 'node:events';
import { EventEmitter } from 'node:events';

import { expect } from 'chai';

import type { TokenAnswer } from '../../src/protocol/api.js';
import type { SiteService } from '../../src/sites/site-service.js';
import { channels } from '../../src/store/keys.js';
import { asSite, context, Harness, outcomeOf } from './support/harness.js';

const OPERATOR = { actor: 'cli:tester' };

describe('sessions of sites (protocol 3.3, 3.4)', () => {
  let harness: Harness;
  let session: TokenAnswer;
  let otherRelay: SiteService;

  beforeEach(async () => {
    harness = await Harness.start();
    otherRelay = await harness.relay();
    session = await harness.session();
  });
  afterEach(() => harness.stop());

  /** Collects what is published to all relays. */
  async function fleet(): Promise<{ next(): Promise<unknown> }> {
    const messages = new EventEmitter();
    await harness.link.subscribe(channels.fleet, (message) => messages.emit('message', JSON.parse(message)));
    return { next: async () => ((await once(messages, 'message')) as unknown[])[0] };
  }

  const liveness = (answer: TokenAnswer, sites = harness.sites): Promise<string> =>
    outcomeOf(sites.admit(asSite(sites.authenticate(answer.accessToken)), 0));

  it('rotates both tokens', async () => {
    const next = await harness.sites.refresh(session.refreshToken, context());
    expect(next.refreshToken).not.to.equal(session.refreshToken);
    expect(next.accessToken).not.to.equal(session.accessToken);
    expect(next.site).to.deep.equal(session.site);
    expect(await liveness(next)).to.equal('ok');
    expect((await harness.auditOf(session.site.id)).map(({ kind }) => kind)).to.deep.equal([
      'token_issued',
      'token_refreshed',
    ]);
  });

  it('answers the previous token with the same successor, on every relay', async () => {
    const next = await harness.sites.refresh(session.refreshToken, context());
    expect(await harness.sites.refresh(session.refreshToken, context())).to.deep.equal(next);
    expect(await otherRelay.refresh(session.refreshToken, context())).to.deep.equal(next);
    expect(await outcomeOf(otherRelay.refresh(next.refreshToken, context()))).to.equal('ok');
  });

  it('gives all of many parallel refreshes the same successor', async () => {
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        (index % 2 === 0 ? harness.sites : otherRelay).refresh(session.refreshToken, context()),
      ),
    );
    expect(new Set(answers.map((answer) => JSON.stringify(answer)))).to.have.lengthOf(1);
    expect((await harness.auditOf(session.site.id)).filter(({ kind }) => kind === 'token_refreshed')).to.have.length(1);
  });

  it('ends the whole family when the previous token comes late', async () => {
    const hasty = await harness.relay({ limits: { refreshAgainMs: 1 } });
    const next = await hasty.refresh(session.refreshToken, context());
    const messages = await fleet();
    const message = messages.next();
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await outcomeOf(hasty.refresh(session.refreshToken, context()))).to.equal('token_revoked');
    expect(await message).to.deep.equal({
      t: 'session_revoked',
      siteId: session.site.id,
      sessionId: asSite(harness.sites.authenticate(session.accessToken)).sessionId,
    });
    expect(await outcomeOf(hasty.refresh(next.refreshToken, context()))).to.equal('token_revoked');
    expect(await liveness(next)).to.equal('token_revoked');
    expect(await liveness(session)).to.equal('token_revoked');
    const revoked = (await harness.auditOf(session.site.id)).find(({ kind }) => kind === 'token_revoked');
    expect(revoked).to.include({
      kind: 'token_revoked',
      code: 'refresh_reused',
      actor: session.site.id,
    });
  });

  it('ends the whole family when a token older than the previous one comes, however soon', async () => {
    const second = await harness.sites.refresh(session.refreshToken, context());
    const third = await harness.sites.refresh(second.refreshToken, context());
    expect(await outcomeOf(harness.sites.refresh(session.refreshToken, context()))).to.equal('token_revoked');
    expect(await outcomeOf(harness.sites.refresh(third.refreshToken, context()))).to.equal('token_revoked');
  });

  it('cannot be ended by invented tokens of the same session', async () => {
    const [, site, sid, end] = session.refreshToken.split('.');
    const last = session.refreshToken.at(-1) ?? '';
    const invented = [
      '',
      '.',
      'x'.repeat(512),
      `${session.refreshToken}A`,
      session.refreshToken.slice(0, -1),
      session.refreshToken.slice(0, -1) + (last === 'A' ? 'B' : 'A'),
      // The same bytes in another spelling of base64url.
      session.refreshToken.slice(0, -1) + String.fromCharCode(last.charCodeAt(0) + 1),
      `olr1.${site}.${sid}.${end}.${'A'.repeat(43)}.${'A'.repeat(22)}`,
      session.refreshToken.replace('olr1', 'olr2'),
      ` ${session.refreshToken}`,
      session.accessToken,
    ];
    for (const token of invented)
      expect(await outcomeOf(harness.sites.refresh(token, context())), token).to.equal('unauthenticated');
    expect(await liveness(session)).to.equal('ok');
    expect(await outcomeOf(harness.sites.refresh(session.refreshToken, context()))).to.equal('ok');
  });

  it('calls a refresh token of 30 days ago expired', async () => {
    harness.clock.time += 30 * 86_400_000;
    expect(await outcomeOf(harness.sites.refresh(session.refreshToken, context()))).to.equal('token_expired');
  });

  it('refuses a page of another website', async () => {
    expect(
      await outcomeOf(harness.sites.refresh(session.refreshToken, context({ origin: 'https://evil.example' }))),
    ).to.equal('forbidden_origin');
    expect(
      await outcomeOf(harness.sites.refresh(session.refreshToken, context({ origin: harness.website.origin }))),
    ).to.equal('ok');
  });

  it('revokes a session on every relay and says so to all of them', async () => {
    const second = await harness.session();
    const identity = asSite(harness.sites.authenticate(session.accessToken));
    const messages = await fleet();
    const message = messages.next();
    await harness.sites.revoke(identity, context());
    expect(await message).to.deep.equal({
      t: 'session_revoked',
      siteId: identity.siteId,
      sessionId: identity.sessionId,
    });
    expect(await liveness(session, otherRelay)).to.equal('token_revoked');
    expect(await outcomeOf(otherRelay.refresh(session.refreshToken, context()))).to.equal('token_revoked');
    expect(await liveness(second)).to.equal('ok');
    await harness.sites.revoke(identity, context());
    expect((await harness.auditOf(identity.siteId)).filter(({ kind }) => kind === 'token_revoked')).to.have.length(1);
  });

  it('blocks a site by its id on every relay, ends its sessions, and lets it log in again once unblocked', async () => {
    const messages = await fleet();
    const message = messages.next();
    const [blocked] = await harness.sites.block(session.site.id, OPERATOR);
    expect(blocked).to.include({ siteId: session.site.id, blocked: true });
    expect(await message).to.deep.equal({ t: 'site_blocked', siteId: session.site.id });
    expect(await liveness(session, otherRelay)).to.equal('site_blocked');
    expect(await outcomeOf(otherRelay.refresh(session.refreshToken, context()))).to.equal('site_blocked');
    const { login, code } = await harness.login();
    expect(await outcomeOf(harness.sites.token({ loginId: login.loginId, code }, context()))).to.equal('site_blocked');
    await harness.sites.unblock(session.site.id, OPERATOR);
    expect(await liveness(session)).to.equal('token_revoked');
    expect(await outcomeOf(harness.sites.refresh(session.refreshToken, context()))).to.equal('token_revoked');
    expect((await harness.session()).site.id).to.equal(session.site.id);
    expect((await harness.auditOf(session.site.id)).map(({ kind, actor }) => `${kind} ${actor}`)).to.deep.equal([
      `token_issued ${session.site.id}`,
      'site_blocked cli:tester',
      'site_unblocked cli:tester',
      `token_issued ${session.site.id}`,
    ]);
  });

  it('blocks every site of an origin, and names what does not exist', async () => {
    const second = await harness.session('second@shop.example');
    await harness.sites.block(`${harness.website.origin}/`, OPERATOR);
    expect([await liveness(session), await liveness(second)]).to.deep.equal(['site_blocked', 'site_blocked']);
    expect((await harness.sites.list()).map(({ blocked }) => blocked)).to.deep.equal([true, true]);
    for (const unknown of ['https://unknown.example', 'site_unknown', '', 'https://'])
      expect(await outcomeOf(harness.sites.block(unknown, OPERATOR)), unknown).to.equal('not_found');
    expect(await outcomeOf(harness.sites.block('operator', OPERATOR))).to.equal('not_found');
  });

  it('knows the origins of verified, unblocked sites', async () => {
    const { origin } = harness.website;
    expect(await harness.sites.isKnownOrigin(origin)).to.equal(true);
    for (const unknown of ['https://evil.example', 'null', '', `${origin}/`, `${origin}.`, '*', '} x'])
      expect(await harness.sites.isKnownOrigin(unknown), unknown).to.equal(false);
    expect(await otherRelay.isKnownOrigin(origin)).to.equal(true);
    await harness.sites.block(session.site.id, OPERATOR);
    expect(await harness.sites.isKnownOrigin(origin)).to.equal(false);
    harness.clock.time += 2001;
    expect(await otherRelay.isKnownOrigin(origin)).to.equal(false);
  });

  it('knows an origin while one of its sites is not blocked', async () => {
    await harness.session('second@shop.example');
    await harness.sites.block(session.site.id, OPERATOR);
    expect(await harness.sites.isKnownOrigin(harness.website.origin)).to.equal(true);
  });
});
