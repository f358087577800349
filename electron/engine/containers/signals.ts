import { EngineError } from '../errors'

/** Linux's signal numbers (x86 and ARM); the host may be another system, with other numbers. */
const numbers: Record<string, number> = Object.fromEntries(
  (
    'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG ' +
    'XCPU XFSZ VTALRM PROF WINCH IO PWR SYS'
  )
    .split(' ')
    .map((name, index) => [name, index + 1]),
)
const realtimeMin = 34
const realtimeMax = 64

export const SIGKILL = 9
export const SIGTERM = 15

/** Reads a signal as Docker takes it: `9`, `KILL`, `SIGKILL`, `RTMIN+1`, any case. Throws 'invalid'. */
export function parseSignal(text: string): number {
  const number = /^\d+$/.test(text) ? Number(text) : named(text.toUpperCase().replace(/^SIG/, ''))
  if (number === undefined || number < 1 || number > realtimeMax) {
    throw new EngineError('invalid', `invalid signal: ${text}`)
  }
  return number
}

function named(name: string): number | undefined {
  const [, anchor, sign, offset] = /^RT(MIN|MAX)(?:([+-])(\d+))?$/.exec(name) ?? []
  if (!anchor) return { ...numbers, CLD: numbers.CHLD, POLL: numbers.IO, IOT: numbers.ABRT }[name]
  const base = anchor === 'MIN' ? realtimeMin : realtimeMax
  const number = base + (sign === '-' ? -1 : 1) * Number(offset ?? 0)
  return number >= realtimeMin && number <= realtimeMax ? number : undefined
}
