/** Names of the benchmark's doors and their session tokens, so that processes need not tell each other thousands of them. */

/** Doors `first` to `first + count - 1` of a fleet. */
export interface DoorRange {
  readonly prefix: string;
  readonly first: number;
  readonly count: number;
}

export const doorName = (prefix: string, index: number): string => `${prefix}-${String(index).padStart(5, '0')}`;

/** Opaque to the relay, which knows its hash (protocol 4.5). */
export const sessionTokenOf = (doorId: string): string => `bench-session-of-${doorId}`;

export const doorNames = ({ prefix, first, count }: DoorRange): readonly string[] =>
  Array.from({ length: count }, (_, index) => doorName(prefix, first + index));
