/** `@openlock/client`: the SDK for sites, in a browser or in Node. See docs/sites.md. */
export { OpenLock, type OpenLockOptions } from './open-lock.js';
export { Door, type CommandOptions, type TransportName } from './door.js';
export type { CommandResult } from './command-result.js';
export { EventStream, type StreamEvent, type StreamEventOf } from './event-stream.js';
export { MemoryPinStore, WebPinStore, type DoorPin, type KeyPinStore } from './key-pin.js';
export {
  MemoryTokenStorage,
  WebTokenStorage,
  type TokenSet,
  type TokenStorage,
  type WebStorage,
} from './token-storage.js';
export {
  DoorRefusedError,
  KeyChangedError,
  ReceiptError,
  TimeoutError,
  UnreachableError,
  type UnreachableReason,
} from './errors.js';
export type { Freshness } from './commander.js';
export type {
  ByteStream,
  ClientClock,
  ClientRandom,
  FetchAnswer,
  FetchInit,
  FetchLike,
  WebSocketConstructor,
  WebSocketLike,
} from './ambient.js';
export { OpenLockError, PROBLEMS, type ProblemCode } from '../protocol/problem.js';
export type { DoorStatusAnswer, DoorSummary, LoginAnswer } from '../protocol/api.js';
export type { Act, ConfigureParams } from '../protocol/command-body.js';
export type { DoorState, EventKind } from '../protocol/door-state.js';
export type { Receipt, ReceiptCode } from '../protocol/receipt.js';
