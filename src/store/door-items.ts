/** What is done at doors, as the items of one call of `door_batch` (redis/functions/01-batch.lua). */
import { wordsOf, type FunctionArgument, type Words } from './function-library.js';
import { GroupCommit, type BatchItem, type GroupCommitOptions } from './group-commit.js';
import { doorBase, shardOf, shardTag } from './keys.js';

/** The one of a link; its stores share it. `onBatch` is told how many items each call has. */
export function doorBatch(link: GroupCommitOptions['link'], onBatch?: (items: number) => void): GroupCommit {
  const names = { name: 'door_batch', nameForEndings: 'door_batch_endings' };
  return new GroupCommit({ link, ...names, head: headOf(''), onBatch });
}

export interface ItemNeeds {
  /** The relay that asks, where that matters. */
  readonly node?: string;
  /** It ends something, and must work in a store that is full (protocol 8.3). */
  readonly ends?: boolean;
}

export function doorItem(
  name: string,
  doorId: string,
  words: readonly FunctionArgument[],
  { node, ends = false }: ItemNeeds,
): BatchItem {
  return {
    tag: shardTag(shardOf(doorId)),
    words: [name, doorBase(doorId), ...words],
    ends,
    ...(node !== undefined && { head: headOf(node) }),
  };
}

let lastHead: { readonly node: string; readonly words: Words } | undefined;

/** A process is one relay, so that it is nearly always the same. */
function headOf(node: string): Words {
  if (lastHead?.node !== node) lastHead = { node, words: wordsOf([node]) };
  return lastHead.words;
}
