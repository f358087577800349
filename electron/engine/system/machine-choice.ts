import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { MachineListing } from '../../../shared/machine'
import { EngineError } from '../errors'
import { drivers } from './drivers'

const file = (dataDir: string) => join(dataDir, 'machine')

/** What `auto` means in this data dir: the driver that somebody chose, or 'auto' itself. */
export async function chosenMachine(dataDir: string): Promise<string> {
  const chosen = await readFile(file(dataDir), 'utf8').catch(() => 'auto')
  return chosen.trim() || 'auto'
}

/** Chooses the driver that `auto` takes from the engine's next start on. Throws 'invalid' for one that there is not. */
export async function chooseMachine(dataDir: string, name: string): Promise<void> {
  const names = ['auto', ...drivers.map((driver) => driver.name)]
  if (!names.includes(name))
    throw new EngineError('invalid', `there is no machine driver "${name}": choose ${names.join(', ')}`)
  await writeFile(file(dataDir), `${name}\n`)
}

/** Every driver, whether it works here, and what its machine in this data dir takes. */
export function listMachines(dataDir: string, current: string): Promise<MachineListing[]> {
  return Promise.all(
    drivers.map(async (driver) => {
      const [probe, bytes] = await Promise.all([driver.probe(), bytesOf(join(dataDir, driver.name))])
      return {
        driver: driver.name,
        available: probe.ok,
        detail: probe.ok ? probe.detail : probe.reason,
        current: driver.name === current,
        bytes,
      }
    }),
  )
}

/** Of images as they came, and of a VM's own files; not of what native has unpacked, which would take long to count. */
async function bytesOf(dir: string): Promise<number> {
  const folders = [join(dir, 'content'), join(dir, 'machine')]
  const sums = await Promise.all(
    folders.map(async (folder, index) => {
      const entries = await readdir(folder, { recursive: index === 0, withFileTypes: true }).catch(() => [])
      const sizes = entries
        .filter((entry) => entry.isFile())
        .map((entry) => stat(join(entry.parentPath, entry.name)).then(({ blocks }) => blocks * 512))
      return (await Promise.allSettled(sizes)).reduce(
        (sum, size) => sum + (size.status === 'fulfilled' ? size.value : 0),
        0,
      )
    }),
  )
  return sums[0]! + sums[1]!
}
