import { homedir } from 'node:os'
import { parseArgs } from 'node:util'
import { dockerConfigDir, ensureDockerContext } from '../../shared/docker-context'
import { defaultDataDir, hostOfDataDir, standardDataDir } from '../../shared/paths'
import { MachineError, type StageReport } from '../machine/machine'
import { startEngine } from './engine'
import { messageOf } from './errors'
import { closeInheritedFiles } from './system/inherited-files'

const usage = `usage: engine [--machine auto|native|qemu|builtin] [--data-dir DIR] [--host unix://PATH] [--json-stages]`

/** The headless engine: runs in the foreground until SIGTERM or SIGINT. */
async function main(): Promise<void> {
  closeInheritedFiles()
  const { values } = parseArgs({
    options: {
      machine: { type: 'string', default: 'auto' },
      'data-dir': { type: 'string' },
      host: { type: 'string' },
      'json-stages': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    console.log(usage)
    return
  }
  const begun = performance.now()
  const around = { platform: process.platform, env: process.env, home: homedir() }
  const dataDir = values['data-dir'] ?? defaultDataDir(around)
  const host = values.host ?? hostOfDataDir(dataDir, process.platform)
  const json = values['json-stages']
  const onStage = (report: StageReport) => {
    if (json) console.log(`stage ${JSON.stringify(report)}`)
    else console.log(`${report.text} …`)
  }
  try {
    const engine = await startEngine({ machine: values.machine, dataDir, host, onStage })
    console.log(`engine ready ${host} machine=${engine.machine} in ${Math.round(performance.now() - begun)} ms`)
    let stopping = false
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (stopping) return
        stopping = true
        void engine.stop().then(() => process.exit(0))
      })
    }
    // An engine in a place of its own is somebody's experiment; the docker context leads to the standard one.
    if (host === hostOfDataDir(standardDataDir(around), process.platform)) {
      await ensureDockerContext(dockerConfigDir(process.env, around.home), host).catch((error: unknown) => {
        console.error(`The docker context could not be written: ${messageOf(error)}`)
      })
    }
  } catch (error) {
    const failure =
      error instanceof MachineError
        ? { stage: error.stage, message: error.message, fix: error.fix }
        : { stage: 'engine', message: (error as Error).message, fix: '' }
    if (json) console.log(`failed ${JSON.stringify(failure)}`)
    else console.error(`The engine did not start. ${failure.message}\n${failure.fix}`)
    process.exit(1)
  }
}

void main()
