import type { Statement } from 'better-sqlite3'
import { EngineError } from '../errors'
import type { Db } from '../store/database'
import { Container, type Settings } from './container'
import { linksOf } from './endpoints'
import type { Health } from './health'
import type { State } from './state'

interface Row {
  id: string
  name: string
  image: string
  created: number
  config: string
  state: string
}

interface Kept {
  state: State
  restartCount: number
  stoppedByHand: boolean
  health?: Health
}

/** All containers, in memory in the order of their creation and as rows; every change is written at once. */
export class ContainerStore {
  private readonly byId = new Map<string, Container>()
  private readonly names = new Map<string, string>()
  private readonly saveState: Statement
  private readonly saveSettings: Statement
  private readonly insertRow: Statement
  private readonly deleteRow: Statement

  constructor(db: Db) {
    this.insertRow = db.prepare('INSERT INTO containers VALUES (@id, @name, @image, @created, @config, @state)')
    this.saveState = db.prepare('UPDATE containers SET state = ? WHERE id = ?')
    this.saveSettings = db.prepare('UPDATE containers SET name = ?, config = ? WHERE id = ?')
    this.deleteRow = db.prepare('DELETE FROM containers WHERE id = ?')
    for (const row of db.prepare('SELECT * FROM containers ORDER BY created, rowid').all() as Row[]) {
      const { state, restartCount, stoppedByHand, health } = JSON.parse(row.state) as Kept
      const settings = JSON.parse(row.config) as Settings
      const container = new Container(row.id, row.name, row.image, row.created, settings, state)
      Object.assign(container, { restartCount, stoppedByHand, health })
      this.byId.set(row.id, container)
      this.names.set(row.name, row.id)
    }
  }

  /** Oldest first. */
  all(): Container[] {
    return [...this.byId.values()]
  }

  /** By full id. */
  get(id: string): Container | undefined {
    return this.byId.get(id)
  }

  /**
   * By id, name (with or without its slash), a unique prefix of an id, or OWNER/ALIAS: the name that a link of another one
   * gives it. Throws 'notFound' in Docker's words.
   */
  find(reference: string): Container {
    const found = this.lookUp(reference) ?? this.linked(reference)
    if (!found) throw new EngineError('notFound', `No such container: ${reference}`)
    return found
  }

  /** What the link (--link on the default bridge) of that name leads to, while it is there. */
  linked(reference: string): Container | undefined {
    const name = reference.replace(/^\//, '')
    const owner = this.names.get(name.split('/')[0]!)
    const link = linksOf(this.byId.get(owner ?? '')).find(({ alias }) => name.endsWith(`/${alias}`))
    return link && this.lookUp(link.target)
  }

  private lookUp(reference: string): Container | undefined {
    const exact = this.byId.get(reference) ?? this.byId.get(this.names.get(reference.replace(/^\//, '')) ?? '')
    if (exact || reference === '') return exact
    const matches = this.all().filter(({ id }) => id.startsWith(reference))
    if (matches.length > 1) {
      throw new EngineError('invalid', `multiple IDs found with provided prefix: ${reference}`)
    }
    return matches[0]
  }

  /** Takes a name for an id before there is a row. Throws 'conflict' when it is taken. */
  reserve(name: string, id: string): void {
    const owner = this.names.get(name)
    if (owner) {
      throw new EngineError(
        'conflict',
        `Conflict. The container name "/${name}" is already in use by container "${owner}". ` +
          'You have to remove (or rename) that container to be able to reuse that name.',
      )
    }
    this.names.set(name, id)
  }

  isTaken(name: string): boolean {
    return this.names.has(name)
  }

  release(name: string): void {
    this.names.delete(name)
  }

  /** Its name must be reserved. */
  insert(container: Container): void {
    const { id, name, image, created, settings } = container
    this.insertRow.run({ id, name, image, created, config: JSON.stringify(settings), state: kept(container) })
    this.byId.set(id, container)
  }

  /** To be called after a change of state, restart count or the mark of a stop by hand. */
  save(container: Container): void {
    this.saveState.run(kept(container), container.id)
  }

  /** To be called after a change of name or settings. */
  saveAll(container: Container): void {
    this.saveSettings.run(container.name, JSON.stringify(container.settings), container.id)
    this.save(container)
  }

  delete(container: Container): void {
    this.deleteRow.run(container.id)
    this.byId.delete(container.id)
    this.names.delete(container.name)
  }
}

function kept({ state, restartCount, stoppedByHand, health }: Container): string {
  return JSON.stringify({ state, restartCount, stoppedByHand, health } satisfies Kept)
}
