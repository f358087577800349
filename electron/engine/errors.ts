import { GuestError } from '../machine/link'
import { MachineError } from '../machine/machine'

/** What kind of failure this is; one function (`statusOf`) turns it into Docker's status code. */
export type ErrorKind =
  | 'notModified'
  | 'invalid'
  | 'unauthorized'
  | 'forbidden'
  | 'notFound'
  | 'conflict'
  | 'unsupported'
  | 'unavailable'
  | 'internal'

/** A failure with a message in Docker's words, to be shown to the client as it is. */
export class EngineError extends Error {
  constructor(
    readonly kind: ErrorKind,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options)
    this.name = 'EngineError'
  }
}

const statuses: Record<ErrorKind, number> = {
  notModified: 304,
  invalid: 400,
  unauthorized: 401,
  forbidden: 403,
  notFound: 404,
  conflict: 409,
  unsupported: 501,
  unavailable: 503,
  internal: 500,
}

/** Docker's HTTP status for a failure. A start's missing or unrunnable command is a 400, as dockerd answers. */
export function statusOf(error: unknown): number {
  if (error instanceof EngineError) return statuses[error.kind]
  if (!(error instanceof GuestError)) return 500
  switch (error.kind) {
    case 'commandNotFound':
    case 'commandNotExecutable':
      return 400
    case 'noSpace':
      return 500
    default:
      return statuses[error.kind]
  }
}

/** What a client sees of a failure: Docker's shape, and for a machine's failure the stage and what to do. */
export function bodyOf(error: unknown): { message: string; stage?: string; fix?: string } {
  const message = messageOf(error)
  return error instanceof MachineError ? { message, stage: error.stage, fix: error.fix } : { message }
}

/** The message that a client sees; unknown things that were thrown are shown as text. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
