import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { mkdir, open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { StageReport } from '../../shared/app'
import { parseEngineLine } from '../../shared/engine-lines'
import { defineCommand, Exit } from './command'
import { engineFlags, placeOf, readEngineState, type EnginePlace } from './engine-state'

const pollMs = 25

function showStage({ text, progress }: StageReport): void {
  const line = text + (progress === undefined ? '' : ` ${Math.round(progress * 100)} %`)
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K${line.slice(0, process.stderr.columns - 1)}`)
  else process.stderr.write(`${line}\n`)
}

/** Starts the engine so that it outlives us, and shows its stages until it is ready. Gives its last line. */
async function startDetached({ dataDir, host }: EnginePlace, machine: string): Promise<string> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  // A file and not a pipe: the engine keeps it as its standard output when we are gone.
  const outPath = join(dataDir, 'engine.out')
  const out = openSync(outPath, 'w', 0o600)
  // Beside our own entry; __dirname may be the folder of its lazily loaded parts.
  const script = join(dirname(process.argv[1]!), 'engine.js')
  const child = spawn(
    process.execPath,
    [script, '--machine', machine, '--data-dir', dataDir, '--host', host, '--json-stages'],
    { detached: true, stdio: ['ignore', out, out], windowsHide: true, cwd: dataDir },
  )
  closeSync(out)
  let ended: string | undefined
  child.on('error', (error) => (ended = error.message))
  child.on('exit', (code, signal) => (ended = signal ?? `exit code ${code}`))
  child.unref()

  const other: string[] = []
  const file = await open(outPath)
  try {
    let rest = ''
    for (;;) {
      const over = ended
      const { bytesRead, buffer } = await file.read(Buffer.alloc(65536), 0, 65536)
      const lines = (rest + buffer.toString('utf8', 0, bytesRead)).split('\n')
      rest = lines.pop()!
      for (const line of lines) {
        const told = parseEngineLine(line)
        if (told?.type === 'ready') return line
        if (told?.type === 'failed')
          throw new Exit(1, `The engine did not start: ${told.message}${told.fix ? `\n${told.fix}` : ''}`)
        if (told) showStage(told.report)
        else other.push(line)
      }
      if (bytesRead) continue
      if (over) throw new Exit(1, `The engine ended while it started (${over}).\n${other.slice(-20).join('\n')}`)
      await sleep(pollMs)
    }
  } finally {
    await file.close()
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[2K')
  }
}

export const command = defineCommand({
  usage: '[OPTIONS]',
  summary: 'Start the engine in the background and wait until it is ready',
  flags: {
    ...engineFlags,
    machine: { kind: 'string', help: 'auto, native, qemu or builtin (default: BERTH_MACHINE, or auto)' },
  },
  args: [0, 0],
  async run({ flags }) {
    const place = placeOf(flags)
    const { answers } = await readEngineState(place)
    if (!answers) {
      const ready = await startDetached(place, flags.machine || process.env.BERTH_MACHINE || 'auto')
      process.stdout.write(`${ready}\n`)
    } else process.stdout.write(`The engine is already running at ${place.host}\n`)
  },
})
