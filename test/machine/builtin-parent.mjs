/** Stands in for an engine: starts the VM's process as the driver does, tells its pid, and stays until it is killed. */
import { fork } from 'node:child_process'

const vm = fork(process.argv[2], [], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
process.send(vm.pid)
setInterval(() => undefined, 60_000)
