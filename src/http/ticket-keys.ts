/**
 * Keys of TLS session tickets, the same on every relay and process of a fleet at the same moment: a door that comes back
 * resumes its session wherever it ends up, also after a restart, and spares both sides most of a handshake.
 *
 * Made of the fleet's secret and the time, so that nobody has to tell anybody. A session is resumed within the period it was
 * made in only; after a turn of the key everybody shakes hands in full, once, when he next connects.
 */
/** Twelve hours: at 00:00 and 12:00 UTC. */
export const TICKET_PERIOD_MS = 12 * 3_600_000;

/** What it needs of the fleet's secrets: 32 bytes for a purpose. */
export interface TicketSecret {
  mac(purpose: string, ...parts: readonly string[]): Buffer;
}

/** Number of the period `at` (Unix milliseconds) lies in. */
export const ticketPeriod = (at: number): number => Math.floor(at / TICKET_PERIOD_MS);

/** The 48 bytes Node wants for a period: a name tickets are known by, then a key for their MAC and one for their text. */
export function ticketKeys(secret: TicketSecret, period: number): Buffer {
  const part = (name: string): Buffer => secret.mac('tls-ticket', name, String(period));
  return Buffer.concat([part('name').subarray(0, 16), part('keys')]);
}
