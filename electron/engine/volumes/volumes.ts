import { randomBytes } from 'node:crypto'
import type { Guest } from '../../machine/guest'
import { EngineError } from '../errors'
import type { Events } from '../events/events'
import type { Db } from '../store/database'
import { checkOptions, mountOf, type VolumeMount } from './local-options'

/** A volume as the API shows it. */
export interface Volume {
  Name: string
  Driver: string
  Mountpoint: string
  CreatedAt: string
  Labels: Record<string, string> | null
  Scope: 'local'
  Options: Record<string, string> | null
}

export interface VolumeRequest {
  driver?: string
  options?: Record<string, string>
  labels?: Record<string, string>
  /** Made by a container for a VOLUME without a name; goes with `rm -v` and with a plain prune. */
  anonymous?: boolean
}

interface Row {
  name: string
  created: number
  driver: string
  options: string
  labels: string
  anonymous: number
  mountpoint: string
}

const validName = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/
const anonymousLabel = 'com.docker.volume.anonymous'

export interface VolumesOptions {
  db: Db
  guest: () => Pick<Guest, 'call'>
  events: Events
  /** Ids of the containers that have the volume mounted, running or not. */
  usedBy: (name: string) => string[]
}

/** Named and anonymous volumes of the local driver: rows here, folders in the guest. */
export class Volumes {
  constructor(private readonly options: VolumesOptions) {}

  /** The volume of that name, made when it is not there. Throws 'invalid' for a bad name, driver or option. */
  async ensure(name: string, request: VolumeRequest): Promise<Volume> {
    const found = this.row(name)
    if (found) {
      checkDriver(name, request)
      // Mends a folder that was lost with the guest's disk.
      await this.options.guest().call('volume.create', { name })
      return show(found)
    }
    return this.create(name, request)
  }

  private async create(name: string, request: VolumeRequest): Promise<Volume> {
    const id = name || randomBytes(32).toString('hex')
    checkDriver(id, request)
    checkName(id)
    checkOptions(id, request.options ?? {})
    const { mountpoint } = await this.options.guest().call('volume.create', { name: id })
    const anonymous = request.anonymous || !name
    const row: Row = {
      name: id,
      created: Date.now(),
      driver: 'local',
      options: JSON.stringify(request.options ?? {}),
      labels: JSON.stringify({ ...request.labels, ...(anonymous ? { [anonymousLabel]: '' } : {}) }),
      anonymous: anonymous ? 1 : 0,
      mountpoint,
    }
    this.options.db
      .prepare('INSERT INTO volumes VALUES (@name, @created, @driver, @options, @labels, @anonymous, @mountpoint)')
      .run(row)
    this.options.events.emit('volume', 'create', id, { driver: 'local' })
    return show(row)
  }

  /** Throws 'notFound'. */
  get(name: string): Volume {
    const row = this.row(name)
    if (!row) throw new EngineError('notFound', `get ${name}: no such volume`)
    return show(row)
  }

  /** The mount that a volume's options ask for. */
  mountOf(name: string): VolumeMount | undefined {
    const row = this.row(name)
    return row && mountOf(JSON.parse(row.options) as Record<string, string>)
  }

  list(): { volume: Volume; usedBy: string[]; anonymous: boolean }[] {
    const rows = this.options.db.prepare('SELECT * FROM volumes ORDER BY name').all() as Row[]
    return rows.map((row) => ({
      volume: show(row),
      usedBy: this.options.usedBy(row.name),
      anonymous: row.anonymous === 1,
    }))
  }

  /** Removes the volume and its data. Throws 'notFound' (not with force) and 'conflict' while a container has it. */
  async remove(name: string, force: boolean): Promise<void> {
    if (!this.row(name)) {
      if (force) return
      throw new EngineError('notFound', `get ${name}: no such volume`)
    }
    const users = this.options.usedBy(name)
    if (users.length > 0) {
      throw new EngineError('conflict', `remove ${name}: volume is in use - [${users.join(', ')}]`)
    }
    await this.options.guest().call('volume.remove', { name })
    this.options.db.prepare('DELETE FROM volumes WHERE name = ?').run(name)
    this.options.events.emit('volume', 'destroy', name, { driver: 'local' })
  }

  /** Removes the unused ones among `candidates`; answers their names and the bytes that came back. */
  async prune(candidates: string[]): Promise<{ VolumesDeleted: string[]; SpaceReclaimed: number }> {
    const { sizes } = await this.options.guest().call('volume.sizes', { names: candidates })
    const deleted: string[] = []
    for (const name of candidates) {
      if (this.options.usedBy(name).length > 0) continue
      await this.remove(name, true)
      deleted.push(name)
    }
    const SpaceReclaimed = deleted.reduce((sum, name) => sum + (sizes[name] ?? 0), 0)
    this.options.events.emit('volume', 'prune', '', { reclaimed: String(SpaceReclaimed) })
    return { VolumesDeleted: deleted, SpaceReclaimed }
  }

  /** For GET /system/df: every volume with its bytes and the number of its users. */
  async usage(): Promise<object[]> {
    const all = this.list()
    const { sizes } = await this.options.guest().call('volume.sizes', { names: all.map(({ volume }) => volume.Name) })
    return all.map(({ volume, usedBy }) => ({
      ...volume,
      UsageData: { Size: sizes[volume.Name] ?? -1, RefCount: usedBy.length },
    }))
  }

  private row(name: string): Row | undefined {
    return this.options.db.prepare('SELECT * FROM volumes WHERE name = ?').get(name) as Row | undefined
  }
}

/** Throws 'notFound' in Docker's words. */
function checkDriver(name: string, { driver }: VolumeRequest): void {
  if (!driver || driver === 'local') return
  throw new EngineError(
    'notFound',
    `create ${name}: error looking up volume plugin ${driver}: plugin "${driver}" not found`,
  )
}

/** Throws 'invalid' in Docker's words. */
function checkName(name: string): void {
  if (validName.test(name)) return
  const reason =
    name.length === 1
      ? 'volume name is too short, names should be at least two alphanumeric characters'
      : `"${name}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. ` +
        'If you intended to pass a host directory, use absolute path'
  throw new EngineError('invalid', `create ${name}: ${reason}`)
}

function show(row: Row): Volume {
  const labels = JSON.parse(row.labels) as Record<string, string>
  const options = JSON.parse(row.options) as Record<string, string>
  return {
    Name: row.name,
    Driver: row.driver,
    Mountpoint: row.mountpoint,
    CreatedAt: new Date(row.created).toISOString().replace(/\.\d+Z$/, 'Z'),
    Labels: Object.keys(labels).length > 0 ? labels : null,
    Scope: 'local',
    Options: Object.keys(options).length > 0 ? options : null,
  }
}
