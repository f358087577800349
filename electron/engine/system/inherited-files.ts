import { closeSync, readdirSync, readFileSync } from 'node:fs'

const closeOnExec = 0o2000000

/**
 * Closes what the parent left open by mistake, as daemons do. Chromium opens files without O_CLOEXEC, so an engine that
 * the app starts gets dozens of them, and would hand them on to the agent, which outlives both. What Node itself has
 * opened carries that flag and stays. To be called first; on systems without /proc it does nothing.
 */
export function closeInheritedFiles(): void {
  if (process.platform !== 'linux') return
  for (const name of readdirSync('/proc/self/fd')) {
    const fd = Number(name)
    if (fd <= 2) continue
    try {
      const flags = /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1]
      if (flags && !(parseInt(flags, 8) & closeOnExec)) closeSync(fd)
    } catch {
      // The descriptor of the listing itself is gone by now.
    }
  }
}
