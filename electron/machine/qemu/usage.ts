import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)
const pageSize = 4096
/** Linux's clock ticks a second, as /proc counts CPU time, for every architecture that Node runs on. */
const ticks = 100

/** Resident bytes and CPU milliseconds of another process; zeros where the system does not tell. */
export async function usageOf(pid: number): Promise<{ memory: number; cpuMs: number }> {
  try {
    if (process.platform === 'linux') return await fromProc(pid)
    if (process.platform === 'darwin') return fromPs((await run('ps', ['-o', 'rss=,time=', '-p', String(pid)])).stdout)
  } catch {
    // It has just ended.
  }
  return { memory: 0, cpuMs: 0 }
}

async function fromProc(pid: number): Promise<{ memory: number; cpuMs: number }> {
  const [stat, statm] = await Promise.all(['stat', 'statm'].map((name) => readFile(`/proc/${pid}/${name}`, 'utf8')))
  const fields = stat!.slice(stat!.lastIndexOf(')') + 2).split(' ')
  return {
    memory: Number(statm!.split(' ')[1]) * pageSize,
    cpuMs: ((Number(fields[11]) + Number(fields[12])) * 1000) / ticks,
  }
}

/** `RSS-in-KiB [HH:]MM:SS.hh` */
export function fromPs(line: string): { memory: number; cpuMs: number } {
  const [rss = '0', time = '0'] = line.trim().split(/\s+/)
  const seconds = time.split(':').reduce((sum, part) => sum * 60 + Number(part), 0)
  return { memory: Number(rss) * 1024, cpuMs: Math.round(seconds * 1000) }
}
