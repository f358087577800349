/** Longest sleep of an idle guest in milliseconds: how late a timer in a guest with nothing to do may fire. */
const longest = 50
/** Shortest sleep in milliseconds; v86 spins through anything shorter. */
const shortest = 2
/** A turn of the emulator longer than this many milliseconds was more than the kernel's own tick. */
const work = 1.5

/**
 * How long the emulator sleeps when the guest's processor halts. Debian's kernel for i386 is built with a periodic tick
 * of 250 Hz that never stops, and v86 waits for each in a busy loop when it is less than a millisecond away, which costs
 * a third of a core in an idle guest. The kernel runs its tick as a high-resolution timer, so that late ticks are made up
 * for at once: sleeping longer is safe. Interrupts of devices end a sleep at once, only timers get late, and only
 * after the guest has had nothing to do for a while.
 */
export class Pacing {
  private sleep = shortest

  /** After a turn of `busyMs`, at whose end the guest wants to be woken in `wantedMs` (0: it is not halted). */
  next(busyMs: number, wantedMs: number): number {
    if (wantedMs <= 0) return wantedMs
    this.sleep = busyMs > work ? shortest : Math.min(this.sleep * 1.5, longest)
    return Math.max(wantedMs, this.sleep)
  }
}
