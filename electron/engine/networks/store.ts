import { randomBytes } from 'node:crypto'
import type { Db } from '../store/database'
import type { Network } from './network'

interface Row {
  id: string
  name: string
  created: number
  config: string
}

/** The rows of networks. */
export class NetworkStore {
  constructor(private readonly db: Db) {}

  /** Oldest first. */
  list(): Network[] {
    return (this.db.prepare('SELECT * FROM networks ORDER BY created, name').all() as Row[]).map(fromRow)
  }

  byName(name: string): Network | undefined {
    const row = this.db.prepare('SELECT * FROM networks WHERE name = ?').get(name) as Row | undefined
    return row && fromRow(row)
  }

  byId(id: string): Network | undefined {
    const row = this.db.prepare('SELECT * FROM networks WHERE id = ?').get(id) as Row | undefined
    return row && fromRow(row)
  }

  /** Gives it an id and the time. */
  insert(given: Omit<Network, 'id' | 'created'>): Network {
    const network = { ...given, id: randomBytes(32).toString('hex'), created: Date.now() }
    const { id, name, created } = network
    this.db.prepare('INSERT INTO networks VALUES (?, ?, ?, ?)').run(id, name, created, configOf(network))
    return network
  }

  /** Its id, name and time stay as they are. */
  save(network: Network): void {
    this.db.prepare('UPDATE networks SET config = ? WHERE id = ?').run(configOf(network), network.id)
  }

  delete({ id }: Network): void {
    this.db.prepare('DELETE FROM networks WHERE id = ?').run(id)
  }
}

function configOf(network: Network): string {
  const config: Partial<Network> = { ...network }
  for (const column of ['id', 'name', 'created'] as const) delete config[column]
  return JSON.stringify(config)
}

function fromRow({ id, name, created, config }: Row): Network {
  return { id, name, created, ...(JSON.parse(config) as Omit<Network, 'id' | 'name' | 'created'>) }
}
