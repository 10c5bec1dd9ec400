import { doorKeys, RECORD_FIELDS, shardKeys, shardOf } from '../keys.js';
import { takeDoor, type DoorAsItWas, type StreamTold } from './door-as-it-was.js';
import { commandHead, commandsGoneAt, commandValue, minuteOfEarlier } from './earlier-commands.js';
import { layout1DoorKeys, type StoreAccess } from './layout-1.js';

/** Entries copied in one call: a millisecond of Redis, about. */
const PAGE = 250;

/**
 * Moves one door from layout 1 to the present one: all is copied, looked at, and only then removed. May be stopped anywhere and
 * begun again; a door that was moved stays as it is. Resolves to the number of audit entries that were copied.
 */
export async function moveDoor(link: StoreAccess, doorId: string): Promise<number> {
  for (let copied = 0; ;) {
    const door = await takeDoor(link, doorId);
    const from = layout1DoorKeys(doorId);
    const to = doorKeys(doorId);
    copied += await copyStream(link, from.audit, to.audit, door.audit);
    copied += await copyStream(link, from.auditTraffic, to.auditTraffic, door.traffic);
    await put(link, doorId, door);
    if (await drop(link, doorId, door)) return copied;
  }
}

/** Copies what a stream had when it was `told` of, behind what was copied before. */
async function copyStream(link: StoreAccess, from: string, to: string, told: StreamTold | undefined): Promise<number> {
  if (told === undefined || told.length === 0) return 0;
  const last = (await link.call('layout_last', [to], [])) as string;
  for (let copied = 0, after = last === '' ? '-' : `(${last}`; ;) {
    const rows = await link.run((client) => client.xrange(from, after, told.last, 'COUNT', PAGE));
    const final = rows.at(-1);
    if (final === undefined) return copied;
    await link.call(
      'layout_append',
      [to],
      rows.flatMap(([id, fields]) => [id, fields[1] ?? '{}']),
    );
    copied += rows.length;
    if (final[0] === told.last) return copied;
    after = `(${final[0]}`;
  }
}

/** Writes the rest, and compares what is there with what there was. */
async function put(link: StoreAccess, doorId: string, door: DoorAsItWas): Promise<void> {
  const to = doorKeys(doorId);
  const record = recordOf(door);
  const shard = shardKeys(shardOf(doorId));
  const commands = door.underWay.filter(({ fields }) => fields['state'] !== undefined);
  const there = (await link.call(
    'layout_put',
    [
      ...[to.record, to.state, to.nonces, to.auditFold, to.audit, to.auditTraffic],
      ...commands.map(({ fields }) => shard.commands(minuteOfEarlier(fields))),
    ],
    [
      JSON.stringify({
        record,
        state: door.state,
        fold: door.fold,
        nonces: door.nonces,
        nonceMs: door.nonceMs,
        audit: numbersOf(door.audit),
        traffic: numbersOf(door.traffic),
        commands: commands.map(({ id, fields, jwe }) => ({
          id,
          value: commandValue(fields, jwe),
          goneAt: commandsGoneAt(minuteOfEarlier(fields)),
        })),
      }),
    ],
  )) as [fields: number, audit: number, traffic: number];
  const expected = [record.length / 2, door.audit?.length ?? 0, door.traffic?.length ?? 0];
  if (there.some((count, index) => count < (expected[index] ?? 0)))
    throw new Error(`Door ${doorId} was not copied whole: ${there.join(', ')} of ${expected.join(', ')}.`);
}

/** True when all that was there before is gone; false when its streams have grown. */
async function drop(link: StoreAccess, doorId: string, door: DoorAsItWas): Promise<boolean> {
  const keys = layout1DoorKeys(doorId);
  const removed = await link.call(
    'layout_drop',
    [
      ...[keys.audit, keys.auditTraffic, keys.taken, keys.grants, keys.live, keys.state, keys.nonces],
      ...[keys.auditFold, keys.underWay, keys.inFlight],
      ...door.cooldowns.map(({ site }) => keys.cooldown(site)),
      ...door.underWay.map(({ id }) => keys.jwe(id)),
    ],
    [door.audit?.last ?? '', door.traffic?.last ?? ''],
  );
  return removed === 1;
}

/** A door's record as it is kept now: with its grants, pauses, connection and commands under way; those alone of a removed door. */
function recordOf(door: DoorAsItWas): readonly string[] {
  const open = door.underWay.map(({ id, value, fields }) => {
    const [deadline = '', site = ''] = value.split('|', 2);
    // Of one that nobody looked for in ten minutes only this is left.
    const command = { state: 'claimed', site, at: deadline, deadline, ...fields };
    const entry = value.slice(deadline.length + site.length + 2);
    return {
      line: `${id}|${minuteOfEarlier(command)}|${commandHead(command)}`,
      entry: [`${RECORD_FIELDS.entry}${id}`, entry],
    };
  });
  const underWay =
    open.length === 0 ? [] : ['open', open.map(({ line }) => line).join('\n'), ...open.flatMap(({ entry }) => entry)];
  if (door.record.length === 0) return underWay;
  const { node, conn, since } = door.live;
  return [
    ...door.record,
    ...door.grants.flatMap(([site, grant]) => [`${RECORD_FIELDS.grant}${site}`, grant]),
    ...door.cooldowns.flatMap(({ site, value }) => [`${RECORD_FIELDS.cooldown}${site}`, value]),
    ...(node === undefined || conn === undefined || since === undefined
      ? []
      : ['node', node, 'conn', conn, 'since', since]),
    ...underWay,
  ];
}

function numbersOf(told: StreamTold | undefined): readonly (number | string)[] {
  return told === undefined ? [] : [told.length, told.added, told.last, told.removed];
}
