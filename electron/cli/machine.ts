import { humanBytes } from '../../shared/units'
import { defineCommand } from './command'
import { printObject } from './table'

/** What `GET /berth/machine` gives. */
export interface MachineReport {
  driver: string
  why: string
  passedOver: { driver: string; reason: string }[]
  state: string
  boot: { kind: string; ms: number }
  facts: {
    kernel: string
    os: string
    arch: string
    cpus: number
    memory: number
    runtime: string
    runtimeVersion: string
  }
  host: { memory: number; cpuMs: number; diskAllocated: number; diskSize: number }
}

const describe = ({ driver, why, passedOver, state, boot, facts, host }: MachineReport) =>
  [
    `Machine:      ${driver} (${why})`,
    ...passedOver.map((other) => `Passed over:  ${other.driver} (${other.reason})`),
    `State:        ${state}`,
    `Boot:         ${boot.kind}, ${Math.round(boot.ms)} ms`,
    `Guest:        ${facts.os}, Linux ${facts.kernel}, ${facts.arch}, ${facts.cpus} CPUs, ${humanBytes(facts.memory)}`,
    `Runtime:      ${facts.runtime} ${facts.runtimeVersion}`,
    ...(host.memory
      ? [`On the host:  ${humanBytes(host.memory)} of memory, ${(host.cpuMs / 1000).toFixed(1)} s of CPU`]
      : []),
    ...(host.diskSize
      ? [`Disk:         ${humanBytes(host.diskAllocated)} of ${humanBytes(host.diskSize)} in use`]
      : []),
    '',
  ].join('\n')

export const command = defineCommand({
  usage: '[OPTIONS]',
  summary: 'Show the machine that the containers run on',
  flags: { format: { kind: 'string', short: 'f', help: "Format output: 'json' or a Go template" } },
  args: [0, 0],
  async run({ flags, engine }) {
    const report = await engine.call<MachineReport>('GET', '/berth/machine')
    printObject(report, flags.format, () => describe(report))
  },
})
