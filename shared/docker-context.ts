import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export const dockerContextName = 'berth'

/** Docker's folder of settings of this person. */
export const dockerConfigDir = (env: Record<string, string | undefined>, home: string) =>
  env.DOCKER_CONFIG || join(home, '.docker')

/**
 * Writes the docker context `berth`, so that `docker --context berth` (or `docker context use berth`) reaches the
 * engine. Docker keeps a context in `contexts/meta/SHA256-OF-ITS-NAME/meta.json`. The file is replaced whole and only
 * when it differs; the current context and other contexts are left alone.
 * @param host the engine's address, `unix://PATH` or `npipe://PIPE`
 * @returns whether anything was written
 */
export async function ensureDockerContext(configDir: string, host: string): Promise<boolean> {
  const dir = join(configDir, 'contexts', 'meta', createHash('sha256').update(dockerContextName).digest('hex'))
  const file = join(dir, 'meta.json')
  const meta = JSON.stringify({
    Name: dockerContextName,
    Metadata: { Description: 'Berth' },
    Endpoints: { docker: { Host: host, SkipTLSVerify: false } },
  })
  if ((await readFile(file, 'utf8').catch(() => '')) === meta) return false
  await mkdir(dir, { recursive: true, mode: 0o755 })
  const temporary = `${file}.${process.pid}`
  await writeFile(temporary, meta, { mode: 0o644 })
  await rename(temporary, file)
  return true
}
