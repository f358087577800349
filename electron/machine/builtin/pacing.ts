/** Sleep of an idle guest in milliseconds: how late a timer may fire in a guest that has had nothing to do for a while. */
const idleSleep = 50
/** Sleep of a guest that had something to do just now; v86 spins through anything shorter. */
const busySleep = 2
/** For how many milliseconds after its last work a guest counts as busy. */
const patience = 250
/** A turn of the emulator longer than this many milliseconds was more than the kernel's own tick. */
const work = 1.5

/**
 * How long the emulator sleeps when the guest's processor halts. Debian's kernel for i386 is built with a periodic tick
 * of 250 Hz that never stops, and v86 waits for each in a busy loop when it is less than a millisecond away, which costs
 * a third of a core in an idle guest. The kernel runs its tick as a high-resolution timer, so that late ticks are made up
 * for at once: sleeping longer is safe. Interrupts of devices end a sleep at once; only timers get late, and only
 * after the guest has had nothing to do for a while.
 */
export class Pacing {
  private lastWork = 0

  /**
   * After a turn that began and ended at these times (milliseconds) and after which the guest wants to be woken in
   * `wanted` milliseconds (0: it is not halted), the time after which to wake it.
   */
  next(began: number, ended: number, wanted: number): number {
    if (wanted <= 0 || ended - began > work) this.lastWork = ended
    if (wanted <= 0) return wanted
    return Math.max(wanted, ended - this.lastWork < patience ? busySleep : idleSleep)
  }
}
