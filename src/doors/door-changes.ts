/** What an operator's act did to a door, as every relay is told at once (protocol 3.4). */
export const DOOR_CHANGES = ['disabled', 'enabled', 'reset', 'removed', 'banned'] as const;
export type DoorChange = (typeof DOOR_CHANGES)[number];
