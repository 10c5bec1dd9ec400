/** The demo, step by step: what a newcomer sees (README). Everything goes through the doors everybody else uses. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { RelayUrls } from '../../app/app.js';
import { systemRandom } from '../../clock.js';
import {
  DoorRefusedError,
  OpenLock,
  type CommandResult,
  type Door,
  type EventStream,
  type TokenStorage,
} from '../../client/index.js';
import { parseCommandEnvelope } from '../../protocol/envelope.js';
import { openOperator, type Operator } from '../../app/operator.js';
import { CommandFailure } from '../support/failure.js';
import { styled } from '../support/printer.js';
import { relayFetch, relayWebSocket } from '../support/relay-client.js';
import { chooseDemoDoor, type DemoDoor } from './door.js';
import { mailsIn, nextCode } from './outbox.js';
import type { Stage } from './stage.js';
import { shortened, unlessStopped, type Steps } from './steps.js';
import { DemoWebsite } from './website.js';
import { WireTap } from './wire-tap.js';

export const DEMO_DOOR = 'demo-door';
export const DEMO_PASSWORD = 'open sesame, please';
const DEMO_NAME = 'Demo door';
/** Another one each time: an address gets three codes in a quarter of an hour (protocol 3.1), and a demo may be run more often. */
const EMAIL = `owner-${systemRandom.bytes(2).toString('hex')}@booking.example`;
const HOLD_MS = 3000;
const EVENT_WAIT_MS = 5000;

export interface Cast {
  readonly relay: RelayUrls;
  readonly relayOrigin: string;
  readonly door: DemoDoor;
  readonly client: OpenLock;
  readonly result: CommandResult;
}

/** Plays it; everything that was started ends with the stage. */
export async function playDemo(stage: Stage, steps: Steps, storage: TokenStorage): Promise<Cast> {
  const { relay, relayOrigin, ca } = await startRelay(stage, steps);
  const operator = await openOperator(stage.config, stage.acting);
  stage.onEnd(() => operator.close());
  const door = await startDoor(stage, steps, { operator, relayOrigin, ca });
  const website = await startWebsite(stage, steps);

  const tap = new WireTap(relayFetch({ host: stage.config.host, port: relay.port, tls: true, ca: [ca] }));
  const client = new OpenLock({ url: relayOrigin, fetch: tap.fetch, WebSocket: relayWebSocket([ca]), storage });
  stage.onEnd(() => client.close());
  await signIn(stage, steps, { client, website, operator });

  const pinned = client.door(DEMO_DOOR, { kid: door.kid });
  const events = await watch(steps, client);
  const result = await open(steps, pinned, door.kid);
  await awaitUnlocked(steps, events);
  await showRefusals(steps, { tap, pinned, storage });
  await showBothSides(steps, tap, result);
  return { relay, relayOrigin, door, client, result };
}

async function startRelay(stage: Stage, steps: Steps) {
  return steps.run('A relay starts: TLS with its own authority, a Redis of its own', async (tell) => {
    const relay = await stage.startRelay();
    const relayOrigin = relay.publicOrigins[0] ?? `https://localhost:${relay.port}`;
    const ca = await readFile(relay.caPath ?? join(stage.config.dataDir, 'tls', 'ca.pem'), 'utf8');
    for (const note of stage.portNotes) tell(styled('yellow', note));
    tell(styled('cyan', relayOrigin), `   data in ${stage.shownDataDir} (${stage.dataDirReason})`);
    return { relay, relayOrigin, ca };
  });
}

async function startDoor(
  stage: Stage,
  steps: Steps,
  { operator, relayOrigin, ca }: { operator: Operator; relayOrigin: string; ca: string },
): Promise<DemoDoor> {
  const kind = await unlessStopped(steps.stop, 'the choice of a door', chooseDemoDoor(steps.stop));
  const { enrolmentToken } = await steps.run('The operator makes an enrolment token', async (tell) => {
    const added = await enrol(operator);
    tell(`openlock door add ${DEMO_DOOR}  →  ${shortened(added.enrolmentToken, 12)}, good for one key, for 24 hours`);
    return added;
  });
  return steps.run(kind.title, async (tell) => {
    const door = await kind.start(stage, {
      doorId: DEMO_DOOR,
      relayOrigin,
      ca,
      enrolmentToken,
      password: DEMO_PASSWORD,
    });
    tell(kind.reason);
    tell(`the key id on its label: ${door.kid}`);
    tell('it checks everything a real one checks; its password is never told to the relay');
    return door;
  });
}

/** The demo's own door; one an earlier demo left gets a new token. Never anybody else's that happens to have its name. */
async function enrol({ doors }: Operator) {
  const existing = (await doors.list()).find(({ doorId }) => doorId === DEMO_DOOR);
  if (existing === undefined) return doors.add(DEMO_DOOR, { name: DEMO_NAME });
  if (existing.name !== DEMO_NAME)
    throw new CommandFailure('door_exists', `Door ${DEMO_DOOR} is no demo's; choose another OPENLOCK_DATA_DIR.`);
  return doors.reset(DEMO_DOOR);
}

async function startWebsite(stage: Stage, steps: Steps): Promise<DemoWebsite> {
  const website = new DemoWebsite();
  await steps.run('A booking website comes up', async (tell) => {
    await website.start();
    stage.onEnd(() => website.stop());
    tell(styled('cyan', website.origin), `   run by ${EMAIL}`);
  });
  return website;
}

async function signIn(
  stage: Stage,
  steps: Steps,
  { client, website, operator }: { client: OpenLock; website: DemoWebsite; operator: Operator },
): Promise<void> {
  const outbox = join(stage.config.dataDir, 'outbox');
  const before = await mailsIn(outbox);
  const { login, mail } = await steps.run('The website registers: proof of the e-mail address', async (tell) => {
    const answer = await client.login({ email: EMAIL, website: website.origin });
    const arrived = await nextCode(outbox, before);
    tell(`mail in ${stage.shownDataDir}/outbox: “${arrived.subject}”`);
    tell(`the code in it is ${arrived.code}`);
    return { login: answer, mail: arrived };
  });
  const site = await steps.run('… and proof of the website: the relay fetches a token from it', async (tell) => {
    const { path, token } = login.website.challenge;
    website.serve(path, token);
    const signedIn = await client.token({ loginId: login.loginId, code: mail.code });
    if (website.fetches === 0) throw new Error('the relay never asked the website for the challenge');
    tell(`GET ${website.origin}${path}  →  ${shortened(token, 16)}`);
    tell(`access token and refresh token for site ${signedIn?.id ?? '?'}`);
    return signedIn;
  });
  await steps.run('The operator lets that website use the door', async (tell) => {
    await operator.doors.grant(DEMO_DOOR, site?.id ?? website.origin, { role: 'manager' });
    const doors = await client.doors();
    tell(
      `GET /v1/doors  →  ${doors.map((door) => `${door.doorId} (${door.role}, ${door.online ? 'online' : 'offline'})`).join(', ')}`,
    );
  });
}

async function open(steps: Steps, pinned: Door, kid: string): Promise<CommandResult> {
  return steps.run('The website fetches the door’s key and opens the door', async (tell) => {
    const opened = await pinned.unlock({ password: DEMO_PASSWORD, holdMs: HOLD_MS });
    tell(
      `GET /v1/doors/${DEMO_DOOR}/key  →  a key with the id ${shortened(kid, 20)}, as on the label: only then it is used`,
    );
    tell(
      `POST /v1/doors/${DEMO_DOOR}/commands  →  200 executed, after ${Math.round(opened.latencyMs ?? 0)} ms at the relay`,
    );
    return opened;
  });
}

/** Subscribes, so that the event of the coming command is seen. */
async function watch(steps: Steps, client: OpenLock): Promise<EventStream> {
  return steps.run('The website watches the door over a client socket', async (tell) => {
    const events = client.events([DEMO_DOOR]);
    await new Promise<void>((resolve, reject) => {
      events.on('connected', () => resolve());
      events.on('ended', ({ error }) => reject(error ?? new Error('the stream ended')));
      setTimeout(() => reject(new Error(`no connection within ${EVENT_WAIT_MS} ms`)), EVENT_WAIT_MS).unref();
    });
    tell('subscribed; every event and every change of presence comes by itself from now on');
    return events;
  });
}

async function showBothSides(steps: Steps, tap: WireTap, { receipt }: CommandResult): Promise<void> {
  await steps.run('What the relay saw, what it could not, and the decrypted receipt', (tell) => {
    const sent = tap.command();
    const envelope = parseCommandEnvelope(sent.request);
    if (!envelope.ok) throw new Error(`the envelope on the wire is ${envelope.detail}`);
    const { door, scope, iat } = envelope.header;
    const plaintext = [DEMO_PASSWORD, 'unlock', 'holdMs'].filter((secret) => sent.wire.includes(secret));
    if (plaintext.length > 0) throw new Error(`the request shows ${plaintext.join(', ')}`);
    tell(
      'saw        ',
      `site and door (${door}), the scope “${scope}”, the time ${new Date(iat).toISOString()}, and the 200`,
    );
    tell('forwarded  ', styled('dim', shortened(sent.request, 60)));
    tell('returned   ', styled('dim', shortened(sent.receipt, 60)));
    tell(
      'never saw  ',
      `“unlock”, “holdMs ${HOLD_MS}”, the password; nor the receipt, which only the website can decrypt:`,
    );
    tell();
    for (const line of JSON.stringify({ ...receipt, pad: undefined }, null, 2).split('\n')) tell(styled('green', line));
    return Promise.resolve();
  });
}

async function showRefusals(
  steps: Steps,
  { tap, pinned, storage }: { tap: WireTap; pinned: Door; storage: TokenStorage },
): Promise<void> {
  await steps.run('Somebody replays a recorded request; somebody guesses the password', async (tell) => {
    const tokens = await storage.load();
    const again = await tap.resend(tokens?.accessToken ?? '');
    if (again.status !== 409) throw new Error(`the replay was answered ${again.status} ${again.code}`);
    tell(`the same bytes again  →  ${again.status} ${again.code}: the door never hears of it`);
    const code = await refusalOf(pinned.unlock({ password: 'open barley' }));
    tell(`a wrong password      →  422 door_refused, and in the receipt: ${code}`);
  });
}

/** The receipt's code of a command that a door must refuse for its password. */
async function refusalOf(command: Promise<CommandResult>): Promise<string> {
  try {
    await command;
  } catch (error) {
    if (error instanceof DoorRefusedError && error.receiptCode === 'bad_credential') return error.receiptCode;
    throw error;
  }
  throw new Error('a wrong password opened the door');
}

/** Waits for the event of the unlocking. */
async function awaitUnlocked(steps: Steps, events: EventStream): Promise<void> {
  await steps.run('Meanwhile, on the client socket', async (tell) => {
    const deadline = setTimeout(() => events.close(), EVENT_WAIT_MS);
    for await (const event of events) {
      if (event.type !== 'event' || event.kind !== 'unlocked') continue;
      clearTimeout(deadline);
      tell(`event “${event.kind}” of ${event.door} at ${new Date(event.at).toISOString()}`);
      return;
    }
    throw new Error(`no event “unlocked” within ${EVENT_WAIT_MS} ms`);
  });
}
