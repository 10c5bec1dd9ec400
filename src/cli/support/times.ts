/** Unix milliseconds as people say it. `now` is for tests. */
export function ago(at: number | undefined, now: number = Date.now()): string {
  if (at === undefined) return 'never';
  const seconds = Math.max(0, Math.round((now - at) / 1000));
  if (seconds < 90) return `${seconds} s ago`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 36 * 3600) return `${Math.round(seconds / 3600)} h ago`;
  return new Date(at).toISOString().slice(0, 16).replace('T', ' ');
}

/** Unix milliseconds as ISO 8601, or a dash. */
export function iso(at: number | undefined | null): string {
  return at === undefined || at === null ? '-' : new Date(at).toISOString();
}
