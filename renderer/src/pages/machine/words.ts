import type { MachineBoot, MachineState } from '../../../../shared/machine'

/** What a driver is, for a person. */
export const driverWords: Record<string, { name: string; text: string } | undefined> = {
  native: {
    name: 'This Linux',
    text: 'Containers run straight on this computer. There is no virtual machine, and nothing is lost to one.',
  },
  qemu: { name: 'QEMU', text: 'A virtual machine with hardware acceleration where the system offers it.' },
  builtin: {
    name: 'Built-in machine',
    text: 'A whole PC, emulated inside Berth, that runs a real Linux. It needs nothing installed and no rights; it is slower than the others.',
  },
}

export const bootWords: Record<MachineBoot['kind'], string> = {
  cold: 'from power-on to ready, a whole boot of Linux.',
  snapshot: 'from a snapshot of a machine that had booted before.',
  found: 'to find the machine that was running already.',
  started: 'to start the agent.',
  resumed: 'from where it was suspended.',
}

/** A reason as the engine gives it, written as a sentence. */
export const sentence = (text: string) =>
  `${text.charAt(0).toUpperCase()}${text.slice(1)}${text.endsWith('.') ? '' : '.'}`

export const stateWords: Record<MachineState, { text: string; tone: 'ok' | 'accent' | 'neutral' | 'bad' }> = {
  starting: { text: 'starting', tone: 'accent' },
  running: { text: 'running', tone: 'ok' },
  suspending: { text: 'suspending', tone: 'accent' },
  suspended: { text: 'suspended', tone: 'neutral' },
  resuming: { text: 'resuming', tone: 'accent' },
  stopping: { text: 'stopping', tone: 'accent' },
  stopped: { text: 'stopped', tone: 'neutral' },
  failed: { text: 'failed', tone: 'bad' },
}
