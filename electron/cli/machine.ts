import type { MachineReport } from '../../shared/machine'
import { humanBytes } from '../../shared/units'
import { defineCommand } from './command'
import { printObject } from './table'

/** The report as text, a line a fact. */
export const describeMachine = ({ driver, why, passedOver, state, failure, boot, facts, host }: MachineReport) =>
  [
    `Machine:      ${driver} (${why})`,
    ...passedOver.map((other) => `Passed over:  ${other.driver} (${other.reason})`),
    `State:        ${state}`,
    ...(failure ? [`Failure:      ${failure.message} ${failure.fix}`] : []),
    ...(boot ? [`Boot:         ${boot.kind}, ${Math.round(boot.ms)} ms${boot.note ? `. ${boot.note}` : ''}`] : []),
    ...(facts
      ? [
          `Guest:        ${facts.os}, Linux ${facts.kernel}, ${facts.arch}, ${facts.cpus} CPUs, ${humanBytes(facts.memory)}`,
          `Runtime:      ${facts.runtime} ${facts.runtimeVersion}`,
        ]
      : []),
    ...(host.memory
      ? [`On the host:  ${humanBytes(host.memory)} of memory, ${(host.cpuMs / 1000).toFixed(1)} s of CPU`]
      : []),
    ...(host.diskSize
      ? [`Disk:         ${humanBytes(host.diskAllocated)} of ${humanBytes(host.diskSize)} in use`]
      : []),
    ...(host.suspended ? [`Suspended:    ${humanBytes(host.suspended)} of memory in a file`] : []),
    '',
  ].join('\n')

export const command = defineCommand({
  usage: '[OPTIONS]',
  summary: 'Show the machine that the containers run on',
  flags: { format: { kind: 'string', short: 'f', help: "Format output: 'json' or a Go template" } },
  args: [0, 0],
  async run({ flags, engine }) {
    const report = await engine.call<MachineReport>('GET', '/berth/machine')
    printObject(report, flags.format, () => describeMachine(report))
  },
})
