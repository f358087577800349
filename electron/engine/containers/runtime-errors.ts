import { GuestError } from '../../machine/link'

/**
 * An error of the agent's about a command that is missing or can't be run, as dockerd and runc word it: clients tell
 * exit codes 127 and 126 from the text. `context` is what comes before runc's own words.
 */
export function inRuntimesWords(error: unknown, context: string, command: string): unknown {
  if (!(error instanceof GuestError)) return error
  const failed = (reason: string) =>
    new GuestError(error.kind, `${context}: unable to start container process: ${reason}: unknown`)
  // Not the command but its folder is missing.
  if (error.message.includes('chdir')) return failed(error.message.replace(/^.*?(?=chdir)/s, ''))
  switch (error.kind) {
    case 'commandNotFound':
      return failed(
        command.includes('/')
          ? `exec: "${command}": stat ${command}: no such file or directory`
          : `exec: "${command}": executable file not found in $PATH`,
      )
    case 'commandNotExecutable':
      return failed(`exec: "${command}": permission denied`)
    default:
      // The runtime's own words, without its command's name: Docker's shim has another.
      return /^\w+ run failed: /.test(error.message) && error.kind === 'internal'
        ? new GuestError(error.kind, `${context}: ${error.message.replace(/^\w+ run failed: /, '')}: unknown`)
        : asStartFailure(error)
  }
}

/** A start that fails for a wrong setting is a 500 with dockerd, since create has let the setting pass. */
function asStartFailure(error: GuestError): GuestError {
  return error.kind === 'invalid' ? new GuestError('internal', error.message) : error
}

/** The exit code that Docker gives a process that could not be started; `otherwise` for causes beyond the command. */
export function exitCodeOfFailure(error: unknown, otherwise: number): number {
  if (!(error instanceof GuestError)) return otherwise
  return { commandNotFound: 127, commandNotExecutable: 126 }[error.kind as string] ?? otherwise
}
