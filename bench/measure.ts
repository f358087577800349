/** Milliseconds that an action takes. Throws when the action does. */
export async function time(action: () => Promise<unknown>): Promise<number> {
  const begun = performance.now()
  await action()
  return performance.now() - begun
}

/**
 * Takes samples of several things in turn, A B A B, so that whatever else the computer does falls on all of them alike.
 * One round before the first counted one warms caches. Gives one list of samples a thing.
 */
export async function interleave(runs: number, takers: (() => Promise<number>)[]): Promise<number[][]> {
  const samples = takers.map((): number[] => [])
  for (let round = -1; round < runs; round++)
    for (const [i, take] of takers.entries()) {
      const sample = await take()
      if (round >= 0) samples[i]!.push(sample)
    }
  return samples
}

/** The middle of the sorted samples, the mean of the middle two when there is an even number. */
export function median(samples: readonly number[]): number {
  const sorted = [...samples].sort((a, b) => a - b)
  const middle = sorted.length / 2
  return sorted.length % 2 ? sorted[Math.floor(middle)]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
