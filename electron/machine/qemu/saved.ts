import { createHash, type Hash } from 'node:crypto'
import { createReadStream, createWriteStream, existsSync } from 'node:fs'
import { open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'

/** Every piece of this many bytes has a checksum of its own, so that it is checked before QEMU gets it. */
const pieceSize = 4 * 1024 * 1024

/** Facts that must be the same for a suspended guest to go on; each named for the sentence that says what differs. */
export type Facts = Record<string, string | number>

interface Description {
  facts: Facts
  disk: DiskState
  length: number
  /** SHA-256 of each piece. */
  pieces: string[]
}

interface DiskState {
  size: number
  mtimeMs: number
}

/** A suspended guest's memory in a machine's folder: `memory.bin`, and `memory.json`, which makes it valid. */
export class SavedMemory {
  private readonly file: string
  private readonly description: string

  constructor(
    folder: string,
    private readonly diskFile: string,
  ) {
    this.file = join(folder, 'memory.bin')
    this.description = join(folder, 'memory.json')
  }

  /** Bytes that it takes; 0 where there is none. */
  async bytes(): Promise<number> {
    const found = await stat(this.file).catch(() => undefined)
    return found ? found.blocks * 512 : 0
  }

  /** Whether the guest can go on from here: 'none', or the reason why not, as far as can be told without reading it. */
  async check(facts: Facts): Promise<'ok' | 'none' | { reason: string }> {
    if (!existsSync(this.description)) return 'none'
    try {
      const kept = await this.describe()
      const other = Object.keys(facts).find((name) => kept.facts[name] !== facts[name])
      if (other) return { reason: `the ${other} is another one: ${kept.facts[other]} then, ${facts[other]} now` }
      const disk = await this.diskState()
      if (disk.size !== kept.disk.size || disk.mtimeMs !== kept.disk.mtimeMs)
        return { reason: 'the disk was changed since' }
      if ((await stat(this.file)).size !== kept.length) return { reason: 'its file is damaged' }
      return 'ok'
    } catch {
      return { reason: 'its file is damaged' }
    }
  }

  /**
   * Takes the bytes of the connection that `begin` causes at that address, until it ends. Afterwards they are on disk,
   * but not valid before `seal`.
   */
  async take(address: string, begin: () => Promise<void>): Promise<Omit<Description, 'facts' | 'disk'>> {
    await this.remove()
    const sums = new Sums()
    await overSocket(address, begin, (socket) =>
      pipeline(socket, sums, createWriteStream(this.file, { mode: 0o600, flush: true })),
    )
    return { length: sums.length, pieces: sums.pieces }
  }

  /** Makes it valid; the disk must not change from now on. */
  async seal(facts: Facts, written: Omit<Description, 'facts' | 'disk'>): Promise<void> {
    const unfinished = `${this.description}.new`
    const description: Description = { facts, disk: await this.diskState(), ...written }
    await writeFile(unfinished, JSON.stringify(description), { mode: 0o600 })
    const handle = await open(unfinished, 'r')
    await handle.sync().finally(() => handle.close())
    await rename(unfinished, this.description)
  }

  /** Gives the bytes to who listens at the address. Rejects, before they get there, when a piece is damaged. */
  async give(address: string): Promise<void> {
    const { pieces } = await this.describe()
    const socket = connect(address)
    await pipeline(createReadStream(this.file, { highWaterMark: pieceSize }), checking(pieces), socket)
  }

  /** To be called before a guest that came from it goes on: it must never come from it again. */
  async invalidate(): Promise<void> {
    await rm(this.description, { force: true })
  }

  async remove(): Promise<void> {
    await this.invalidate()
    await rm(this.file, { force: true })
  }

  private async describe(): Promise<Description> {
    return JSON.parse(await readFile(this.description, 'utf8')) as Description
  }

  private async diskState(): Promise<DiskState> {
    const { size, mtimeMs } = await stat(this.diskFile)
    return { size, mtimeMs }
  }
}

/** Listens at the address for the one connection that `begin` brings about, and uses it. */
async function overSocket(
  address: string,
  begin: () => Promise<void>,
  use: (socket: Socket) => Promise<void>,
): Promise<void> {
  if (process.platform !== 'win32') await rm(address, { force: true })
  const server: Server = createServer()
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(address, resolve))
  try {
    const used = new Promise<void>((resolve, reject) =>
      server.once('connection', (socket) => void use(socket).then(resolve, reject)),
    )
    // A connection that never comes is told by `begin`.
    await Promise.all([used, begin().catch((error: unknown) => Promise.reject(error as Error))])
  } finally {
    server.close()
  }
}

/** Passes bytes on and keeps the checksum of each piece. */
class Sums extends Transform {
  length = 0
  readonly pieces: string[] = []
  private hash: Hash = createHash('sha256')
  private filled = 0

  override _transform(chunk: Buffer, _encoding: string, done: (error: null, chunk: Buffer) => void): void {
    this.length += chunk.length
    for (let rest = chunk; rest.length > 0;) {
      const part = rest.subarray(0, pieceSize - this.filled)
      this.hash.update(part)
      this.filled += part.length
      rest = rest.subarray(part.length)
      if (this.filled === pieceSize) this.finish()
    }
    done(null, chunk)
  }

  override _flush(done: () => void): void {
    if (this.filled > 0) this.finish()
    done()
  }

  private finish(): void {
    this.pieces.push(this.hash.digest('hex'))
    this.hash = createHash('sha256')
    this.filled = 0
  }
}

/** Passes whole pieces on, each only when its checksum is right. */
async function* checked(source: AsyncIterable<Buffer>, sums: string[]): AsyncGenerator<Buffer> {
  let index = 0
  for await (const piece of source) {
    if (createHash('sha256').update(piece).digest('hex') !== sums[index++]) throw new DamagedMemory()
    yield piece
  }
  if (index !== sums.length) throw new DamagedMemory()
}

const checking = (sums: string[]) => (source: AsyncIterable<Buffer>) => checked(source, sums)

export class DamagedMemory extends Error {
  constructor() {
    super('its file is damaged')
  }
}
