import { ROLLOUT_LIMITS } from '../../operators/rollouts.js';
import type { Share } from '../../operators/rollout-view.js';
import { doorId } from '../support/arguments.js';
import { UsageError } from '../support/failure.js';

/** `10%`, `0.5%` or a number of doors. */
function share(text: string): Share | undefined {
  const percent = /^(\d{1,3}(?:\.\d{1,3})?)%$/.exec(text)?.[1];
  if (percent !== undefined) return Number(percent) <= 100 ? { percent: Number(percent) } : undefined;
  return /^\d{1,6}$/.test(text) ? { count: Number(text) } : undefined;
}

/** `1%,10%,50%,100%`: each stage more than the one before. */
export function stages(text: string): readonly Share[] {
  const all = text.split(',').map((part) => share(part.trim()));
  const shares = all.filter((each) => each !== undefined);
  const amount = (each: Share): number => ('percent' in each ? each.percent : each.count);
  const rising = shares.every((each, index) => {
    const before = shares[index - 1];
    const isSameKind = before !== undefined && 'percent' in before === 'percent' in each;
    return amount(each) > 0 && (!isSameKind || amount(each) > amount(before));
  });
  if (shares.length < all.length || !rising || all.length > ROLLOUT_LIMITS.stages) {
    throw new UsageError(
      `--stages are percentages or numbers of doors, each more than the one before, ${ROLLOUT_LIMITS.stages} at most: 1%,10%,50%,100%.`,
    );
  }
  return shares;
}

/** A number of doors, or a percentage of those in the opened stages; past it the rollout halts. */
export function failureLimit(text: string): Share {
  const limit = share(text.trim());
  if (limit === undefined)
    throw new UsageError('--max-failures is a number of doors or a percentage, such as 2 or 5%.');
  return limit;
}

/** `a,b`: door ids. */
export function doorList(text: string): readonly string[] {
  const doors = text.split(',').map((part) => doorId(part.trim()));
  if (doors.length > ROLLOUT_LIMITS.doors)
    throw new UsageError(`--doors names at most ${ROLLOUT_LIMITS.doors} doors; leave it out for all of a board.`);
  return doors;
}
