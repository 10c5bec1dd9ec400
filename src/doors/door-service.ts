/** Doors as devices and sites meet them: challenge and registration (protocol 4), lists and keys (7.1, 7.2). */
import { createHash } from 'node:crypto';

import type { Clock, Random } from '../clock.js';
import type { Caller, RequestContext } from '../principal.js';
import type { AuditTrail } from '../audit/trail.js';
import type {
  ChallengeAnswer,
  DoorKey,
  DoorSummary,
  ProofClaims,
  RegisterAnswer,
  RegisterRequest,
  Role,
} from '../protocol/api.js';
import { DOOR_SOCKET_PATH } from '../protocol/door-frames.js';
import { OpenLockError } from '../protocol/problem.js';
import type { RelayLease } from '../relays/lease.js';
import type { DoorPresenceStore } from '../store/door-presence.js';
import type { DoorRecordStore, RegisterOutcome } from '../store/door-records.js';
import type { KeyBanStore } from '../store/key-bans.js';
import { CHALLENGE_SECONDS, type Challenges } from './challenge.js';
import type { DoorAccess } from './door-access.js';
import { KEEP_ALIVE_SECONDS } from './live-door.js';
import { readDoorPublicKey, verifyProof, verifyRotation, type DoorPublicKey } from './proof.js';

export interface DoorServiceDependencies {
  readonly records: DoorRecordStore;
  readonly presence: DoorPresenceStore;
  readonly bans: KeyBanStore;
  readonly access: DoorAccess;
  readonly lease: RelayLease;
  readonly challenges: Challenges;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  readonly random: Random;
  /** Origins a proof may name as `aud`; known once the port is. */
  readonly audiences: () => readonly string[];
}

const DOOR_SESSION_SECONDS = 24 * 3600; // protocol 4.5

/** The answer to a bad proof, token or nonce, to a foreign key, and for a door that does not exist: nothing can be probed (protocol 4.4). */
const unauthenticated = (): OpenLockError =>
  new OpenLockError('unauthenticated', 'The proof or the enrolment token is not valid.');

const hash = (text: string): string => createHash('sha256').update(text).digest('base64url');

export class DoorService {
  readonly #deps: DoorServiceDependencies;

  constructor(dependencies: DoorServiceDependencies) {
    this.#deps = dependencies;
  }

  /** A nonce for a proof (protocol 4.3); unknown doors are answered alike. */
  challenge(doorId: string): ChallengeAnswer {
    return {
      nonce: this.#deps.challenges.issue(doorId),
      expiresInSeconds: CHALLENGE_SECONDS,
      time: this.#deps.clock.now(),
    };
  }

  /**
   * Binds or recognises a door's key and starts a session (protocol 4.4, 4.5). Throws `unauthenticated`, `store_unavailable`, and only to
   * whoever holds the door's key, one it once had, or its enrolment token: `wrong_key`, `key_banned`, `door_disabled`, `rate_limited`.
   */
  async register(request: RegisterRequest, context: RequestContext): Promise<RegisterAnswer> {
    const { doorId } = request;
    const { key, proof } = await this.#proven(request);
    // A door that does not exist takes the same steps as one that does: neither answer nor time tells them apart (4.4).
    const [record, kidBanned] = await Promise.all([
      this.#deps.records.record(doorId),
      this.#deps.bans.isBanned(key.kid),
    ]);
    const sessionToken = this.#deps.random.bytes(32).toString('base64url');
    const outcome = await this.#deps.records.register({
      doorId,
      nonce: proof.nonce,
      kid: key.kid,
      publicKey: key.pem,
      enrolmentTokenHash: request.enrolmentToken === undefined ? undefined : hash(request.enrolmentToken),
      rotatedFromKid: await this.#rotatedFrom(request, record?.publicKey, key, proof.nonce),
      kidBanned,
      sessionHash: hash(sessionToken),
      sessionMs: DOOR_SESSION_SECONDS * 1000,
      firmware: JSON.stringify(proof.firmware),
      nonceMs: (CHALLENGE_SECONDS + 10) * 1000,
      auditEntry: this.#deps.audit.entry({
        kind: 'registered',
        actor: `door:${doorId}`,
        door: doorId,
        code: key.kid,
        address: context.address,
        requestId: context.requestId,
      }),
    });
    this.#refuse(outcome);
    await this.#rememberKey(doorId, key.kid);
    return {
      sessionToken,
      expiresInSeconds: DOOR_SESSION_SECONDS,
      socketPath: DOOR_SOCKET_PATH,
      keepAliveSeconds: KEEP_ALIVE_SECONDS,
      time: this.#deps.clock.now(),
      kid: key.kid,
    };
  }

  /** The key a door shows, and its proof that it has it. Throws `invalid_request`, `unauthenticated`. */
  async #proven({
    doorId,
    publicKey,
    proof: text,
  }: RegisterRequest): Promise<{ key: DoorPublicKey; proof: ProofClaims }> {
    const key = readDoorPublicKey(publicKey);
    if (key === undefined)
      throw new OpenLockError(
        'invalid_request',
        'publicKey must be an SPKI PEM of an RSA key of 2048 to 4096 bits with e = 65537.',
      );
    const proof = await verifyProof(text, key);
    if (
      proof === undefined ||
      proof.door !== doorId ||
      !this.#deps.audiences().includes(proof.aud) ||
      !this.#deps.challenges.isFresh(doorId, proof.nonce)
    ) {
      throw unauthenticated();
    }
    return { key, proof };
  }

  /** Doors a caller has a role at now (protocol 7.1). */
  async list(caller: Caller): Promise<DoorSummary[]> {
    const ids = await this.#deps.access.doorsOf(caller);
    const doors = await Promise.all(ids.map((doorId) => this.get(caller, doorId).catch(onlyNotFound)));
    return doors.filter((door) => door !== undefined);
  }

  async get(caller: Caller, doorId: string): Promise<DoorSummary> {
    const role = await this.#deps.access.roleOf(caller, doorId);
    return this.#summary(doorId, role);
  }

  /** The key commands must be encrypted for (protocol 7.2). */
  async key(caller: Caller, doorId: string): Promise<DoorKey> {
    await this.#deps.access.roleOf(caller, doorId);
    const record = await this.#deps.records.record(doorId);
    const key = record?.publicKey === undefined ? undefined : readDoorPublicKey(record.publicKey);
    if (record?.banned === true) throw new OpenLockError('key_banned', 'The key of this door is banned.');
    if (key === undefined) throw new OpenLockError('key_not_found', 'The door has no key yet: it has not registered.');
    return { doorId, kid: key.kid, publicKey: key.pem, jwk: key.jwk, registeredAt: record?.registeredAt ?? 0 };
  }

  async #summary(doorId: string, role: Role): Promise<DoorSummary> {
    const [record, presence] = await Promise.all([
      this.#deps.records.record(doorId),
      this.#deps.presence.presence(doorId),
    ]);
    if (record === undefined)
      throw new OpenLockError('door_not_found', 'There is no such door, or this site may not see it.');
    const online = this.#deps.lease.isLive(presence.relay);
    return {
      doorId,
      name: record.name,
      role,
      online,
      lastSeen: online ? this.#deps.clock.now() : (presence.lastSeen ?? null),
    };
  }

  async #rotatedFrom(
    request: RegisterRequest,
    oldPem: string | undefined,
    newKey: DoorPublicKey,
    nonce: string,
  ): Promise<string | undefined> {
    if (request.rotation === undefined) return undefined;
    // Where there is no old key the new one stands in: as much work, and nothing comes of it.
    const oldKey = (oldPem === undefined ? undefined : readDoorPublicKey(oldPem)) ?? newKey;
    const claims = await verifyRotation(request.rotation, oldKey);
    const good = claims?.door === request.doorId && claims.newKid === newKey.kid && claims.nonce === nonce;
    return good && oldKey.kid !== newKey.kid ? oldKey.kid : undefined;
  }

  #refuse(outcome: RegisterOutcome): void {
    if (outcome === 'ok') return;
    if (outcome === 'wrong_key')
      throw new OpenLockError(
        'wrong_key',
        'The door has another key; send a rotation signed by it, or have an operator reset the door.',
      );
    if (outcome === 'busy')
      throw new OpenLockError('rate_limited', 'The door has registered too often; wait a minute.', {
        retryAfterMs: CHALLENGE_SECONDS * 1000,
      });
    if (outcome === 'disabled') throw new OpenLockError('door_disabled', 'The door is disabled by its operator.');
    if (outcome === 'banned')
      throw new OpenLockError('key_banned', 'The key of this door is banned; an operator has to reset the door.');
    throw unauthenticated();
  }

  /** The ban list and a registration may cross: the index is written first, then the list is read once more. */
  async #rememberKey(doorId: string, kid: string): Promise<void> {
    await this.#deps.bans.rememberKid(kid, doorId);
    if (!(await this.#deps.bans.isBanned(kid))) return;
    await this.#deps.records.setFlag(
      doorId,
      'banned',
      true,
      this.#deps.audit.entry({ kind: 'key_banned', actor: 'relay', door: doorId, code: kid }),
      kid,
    );
    throw new OpenLockError('key_banned', 'This key is banned; an operator has to reset the door.');
  }
}

function onlyNotFound(error: unknown): undefined {
  if (error instanceof OpenLockError && error.code === 'door_not_found') return undefined;
  throw error;
}
