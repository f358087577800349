/**
 * The stock docker client for the tests: the one on the PATH, or Debian's, taken out of its package into .cache/ so
 * that no daemon is installed.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const project = join(import.meta.dirname, '..')
const folder = join(project, '.cache/docker-cli')

/** The folder that `docker` lies in; fetched when there is none. */
export function dockerCli() {
  const found = (process.env.PATH ?? '').split(delimiter).find((path) => existsSync(join(path, 'docker')))
  if (found) return found
  if (existsSync(join(folder, 'docker'))) return folder
  console.log("set-up: taking the docker client out of Debian's docker.io package")
  mkdirSync(folder, { recursive: true })
  const work = mkdtempSync(join(folder, 'work-'))
  execFileSync('apt-get', ['download', '-q', '-o', 'APT::Sandbox::User=root', 'docker.io'], {
    cwd: work,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const [archive] = readdirSync(work)
  execFileSync('dpkg-deb', ['-x', archive, 'root'], { cwd: work })
  renameSync(join(work, 'root/usr/bin/docker'), join(folder, 'docker'))
  rmSync(work, { recursive: true })
  return folder
}
