/** Signals that end a process, by number (signal(7), the numbers of x86 and ARM). */
const signals: Record<number, [name: string, words: string]> = {
  1: ['SIGHUP', 'its terminal was closed'],
  2: ['SIGINT', 'it was interrupted, as by Ctrl-C'],
  3: ['SIGQUIT', 'it was told to quit and dump core'],
  4: ['SIGILL', 'it ran an instruction that this processor does not have; the image may be for another one'],
  6: ['SIGABRT', 'it aborted itself, mostly after a failed assertion'],
  7: ['SIGBUS', 'it touched memory that is not there'],
  8: ['SIGFPE', 'it divided by zero or the like'],
  9: ['SIGKILL', 'it was killed and could not clean up'],
  11: ['SIGSEGV', 'it touched memory that is not its own (a segmentation fault)'],
  13: ['SIGPIPE', 'it wrote into a pipe that nobody reads any more'],
  14: ['SIGALRM', 'its timer ran out'],
  15: ['SIGTERM', 'it was asked to end, as by stop'],
  24: ['SIGXCPU', 'it used up its processor time'],
  31: ['SIGSYS', 'it made a system call that is not allowed'],
}

export interface Ending {
  title: string
  text: string
  good: boolean
}

interface EndedState {
  ExitCode: number
  OOMKilled: boolean
  /** What the engine said when the container could not be started. */
  Error: string
}

/** Why a container stopped, in words, from its state (GET /containers/{id}/json). */
export function endingOf({ ExitCode: code, OOMKilled, Error: error }: EndedState): Ending {
  if (error) return { title: 'It could not be started', text: error, good: false }
  if (OOMKilled)
    return {
      title: 'Out of memory',
      text: 'It wanted more memory than it may have, so the kernel killed it. Give it a higher limit, or find what it fills the memory with.',
      good: false,
    }
  if (code === 0)
    return { title: 'It ended by itself, and all was well', text: 'Exit code 0 means success.', good: true }
  const signal = code > 128 ? signals[code - 128] : undefined
  if (signal)
    return {
      title: `Ended by ${signal[0]}`,
      text: `Exit code ${code}: ${signal[1]}.`,
      good: code === 143 || code === 130,
    }
  const words: Record<number, string> = {
    1: 'a general error; its last lines should say more.',
    2: 'mostly a wrong argument or a shell that did not understand its script.',
    125: 'the engine could not make the container.',
    126: 'its command was found but may not be run: look at the file’s mode.',
    127: 'its command was not found in the image: look for a typo or a missing program.',
    255: 'an error that its program does not tell apart from others.',
  }
  return {
    title: `It ended with exit code ${code}`,
    text: `Exit code ${code}: ${words[code] ?? 'what that means, only its program knows; its last lines may say more.'}`,
    good: false,
  }
}
