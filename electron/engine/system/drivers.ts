import { builtin } from '../../machine/builtin/driver'
import { MachineError, type Driver, type DriverName } from '../../machine/machine'
import { native } from '../../machine/native/driver'
import { qemu } from '../../machine/qemu/driver'

/** In the order in which `auto` tries them. */
export const drivers: readonly Driver[] = [native, qemu, builtin]

export interface Choice {
  driver: Driver
  why: string
  passedOver: { driver: DriverName; reason: string }[]
}

/** Picks the driver asked for, or with `auto` the first that works here. Throws a MachineError when none does. */
export async function chooseDriver(asked: string): Promise<Choice> {
  const candidates = asked === 'auto' ? drivers : drivers.filter((driver) => driver.name === asked)
  const passedOver: Choice['passedOver'] = []
  for (const driver of candidates) {
    const probe = await driver.probe()
    if (probe.ok) return { driver, why: asked === 'auto' ? probe.detail : `asked for; ${probe.detail}`, passedOver }
    passedOver.push({ driver: driver.name, reason: probe.reason })
  }
  if (candidates.length === 0) {
    throw new MachineError(
      'files',
      `There is no machine driver "${asked}" in this version.`,
      `Use --machine ${drivers.map((driver) => driver.name).join('|')}|auto.`,
    )
  }
  const reasons = passedOver.map(({ driver, reason }) => `${driver}: ${reason}`).join('; ')
  throw new MachineError(
    'files',
    `No machine can run here. ${reasons}.`,
    'Mend what is named, or choose another machine.',
  )
}
