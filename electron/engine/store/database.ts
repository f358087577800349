import Database from 'better-sqlite3'
import { schema } from './schema'

export type Db = Database.Database

/**
 * Opens the engine's state, making or migrating it as needed. Write-ahead logging with synchronous=NORMAL: a killed
 * engine loses nothing, a power cut at most the last transactions, never consistency. Held by one process at a time:
 * a second one gets SQLITE_BUSY.
 */
export function openDatabase(file: string): Db {
  const db = new Database(file, { timeout: 200 })
  db.pragma('locking_mode = EXCLUSIVE')
  db.pragma('journal_mode = WAL')
  db.pragma('synchronous = NORMAL')
  db.pragma('foreign_keys = ON')
  const done = db.pragma('user_version', { simple: true }) as number
  if (done > schema.length) {
    db.close()
    throw new Error(`${file} was written by a newer Berth (schema ${done}, this one knows ${schema.length})`)
  }
  db.transaction(() => {
    for (const step of schema.slice(done)) db.exec(step)
    db.pragma(`user_version = ${schema.length}`)
  })()
  return db
}
