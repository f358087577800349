import { freemem } from 'node:os'
import { statfs } from 'node:fs/promises'
import type { DoctorCheck, DoctorReport, DoctorStatus } from '../../../shared/machine'
import { humanBytes } from '../../../shared/units'
import { messageOf } from '../errors'
import type { MachineHost } from './machine-host'

const mebibyte = 1024 * 1024
/** Room on the disk below which things begin to fail, and below which they soon will. */
const scarceRoom = 200 * mebibyte
const littleRoom = 2048 * mebibyte

const severity: Record<DoctorStatus, number> = { ok: 0, warning: 1, failure: 2 }

/** Looks at what a machine needs. Starts and wakes nothing. */
export async function examine(host: MachineHost, dir: string): Promise<DoctorReport> {
  const checks = await Promise.all([driver(host), machine(host), agent(host), room(dir), memory(host)])
  const worst = checks.reduce((a, b) => (severity[b.status] > severity[a.status] ? b : a))
  return { status: worst.status, checks }
}

async function driver({ choice }: MachineHost): Promise<DoctorCheck> {
  const title = 'What the machine is made with'
  const probe = await choice.driver.probe()
  if (!probe.ok)
    return { id: 'driver', title, status: 'failure', detail: probe.reason, fix: 'Mend it, or choose another machine.' }
  return { id: 'driver', title, status: 'ok', detail: `${choice.driver.name}: ${probe.detail}`, fix: '' }
}

async function machine({ is, failure }: MachineHost): Promise<DoctorCheck> {
  const title = 'The machine'
  if (failure) return { id: 'machine', title, status: 'failure', detail: failure.message, fix: failure.fix }
  const fix = is === 'stopped' ? 'Start it.' : ''
  return { id: 'machine', title, status: is === 'stopped' ? 'warning' : 'ok', detail: `It is ${is}.`, fix }
}

async function agent(host: MachineHost): Promise<DoctorCheck> {
  const title = 'The agent in the machine'
  if (host.is !== 'running')
    return { id: 'agent', title, status: 'ok', detail: 'Not asked: the machine does not run.', fix: '' }
  const begun = performance.now()
  try {
    await host.guest().call('usage', {})
    const ms = Math.round(performance.now() - begun)
    return { id: 'agent', title, status: 'ok', detail: `It answers within ${ms} ms.`, fix: '' }
  } catch (error) {
    return { id: 'agent', title, status: 'failure', detail: messageOf(error), fix: 'Restart the machine.' }
  }
}

async function room(dir: string): Promise<DoctorCheck> {
  const { bavail, bsize } = await statfs(dir)
  const free = bavail * bsize
  const status = free < scarceRoom ? 'failure' : free < littleRoom ? 'warning' : 'ok'
  const fix = status === 'ok' ? '' : 'Remove images and volumes that are not needed, or other files of this computer.'
  return {
    id: 'disk-space',
    title: "Room on this computer's disk",
    status,
    detail: `${humanBytes(free)} are free.`,
    fix,
  }
}

async function memory(host: MachineHost): Promise<DoctorCheck> {
  const title = "This computer's memory"
  const free = freemem()
  const detail = `${humanBytes(free)} are free.`
  const wants = host.features.hostNetwork || host.is === 'running' ? 0 : host.wanted.memory
  if (wants <= free) return { id: 'memory', title, status: 'ok', detail, fix: '' }
  return {
    id: 'memory',
    title,
    status: 'warning',
    detail: `${detail} The machine may take up to ${humanBytes(wants)}.`,
    fix: 'Close other programs, or give the machine less memory.',
  }
}
