import { expect } from 'chai';

import { SimulatedDoor } from '../../src/simulator/door.js';
import { DoorIdentity } from '../../src/simulator/identity.js';
import { startRelayProcess, type RelayProcess } from '../e2e/support/relay-process.js';
import { until } from '../support/counting.js';
import { cli, testIo, type Outcome } from './support/cli.js';

const PASSWORD = 'correct horse battery';

/** A command that failed is tried again under its intent: the door runs it once (protocol 6.6). */
describe('openlock command, tried again', function () {
  this.timeout(60_000);
  let relay: RelayProcess;
  let keyPair: DoorIdentity;
  let door: SimulatedDoor;

  const newDoor = (enrolmentToken?: string): SimulatedDoor =>
    new SimulatedDoor({
      doorId: 'front-door',
      relayUrl: relay.url,
      ca: relay.ca,
      password: PASSWORD,
      keyPair,
      ...(enrolmentToken !== undefined && { enrolmentToken }),
    });
  const openlock = (...args: string[]): Promise<Outcome> =>
    cli(
      args,
      testIo({ environment: { OPENLOCK_DATA_DIR: relay.dataDir, OPENLOCK_PORT: '0' }, input: `${PASSWORD}\n` }),
    );
  const printed = <T>({ stdout }: Outcome): T => JSON.parse(stdout) as T;

  before(async () => {
    relay = await startRelayProcess({});
    const { enrolmentToken } = printed<{ enrolmentToken: string }>(
      await openlock('door', 'add', 'front-door', '--json'),
    );
    keyPair = await DoorIdentity.generate();
    door = newDoor(enrolmentToken);
    await door.start();
  });
  after(async () => {
    await door?.stop();
    await relay?.dispose();
  });

  it('names the intent of what failed, and does it once however often it is sent', async () => {
    await door.stop();
    await until(async () => !printed<{ online: boolean }>(await openlock('status', 'front-door', '--json')).online);
    const failed = await openlock('command', 'unlock', 'front-door', '--json');
    const { error } = printed<{ error: { code: string; intent: string } }>(failed);
    expect(failed.code).to.equal(1);
    expect(error.code).to.equal('door_offline');
    // The last thing on its line: to be copied whole.
    expect(failed.stderr).to.include(`add: --intent ${error.intent}\n`);

    door = newDoor();
    await door.start();
    const again = await openlock('command', 'unlock', 'front-door', '--intent', error.intent, '--json');
    expect(printed(again)).to.deep.include({ outcome: 'executed' });
    const third = await openlock('command', 'unlock', 'front-door', '--intent', error.intent, '--json');
    expect(printed(third)).to.deep.include({ outcome: 'executed_earlier' });
    expect(third.code).to.equal(0);
    const told = await openlock('command', 'unlock', 'front-door', '--intent', error.intent);
    expect(told.stdout).to.include('had this command before');
    expect(door.executions.map(({ act }) => act)).to.deep.equal(['unlock']);
  });

  it('takes no intent of another command, and names none when the door itself said no', async () => {
    const intent = 'lock.front-door.1.AAAAAAAAAAAAAAAAAAAAAA';
    const refused = await openlock('command', 'unlock', 'front-door', '--intent', intent, '--json');
    expect(printed<{ error: { code: string } }>(refused).error.code).to.equal('invalid_request');
    expect(refused.stderr).to.not.include('--intent');
  });
});
