import { ApiError, messageFrom } from './client'

/**
 * Main reads files of this computer and sends them to the engine (electron/main/send.ts); nothing of them passes through
 * the window. Each resolves to the engine's answer.
 */
async function send(
  kind: 'file' | 'tar' | 'context',
  paths: string[],
  method: string,
  to: string,
  signal?: AbortSignal,
) {
  const query = new URLSearchParams([['method', method], ['to', to], ...paths.map((path) => ['path', path])]) // prettier-ignore
  const response = await fetch(`/send/${kind}?${query}`, { method: 'POST', signal })
  if (response.status < 400) return response
  throw new ApiError(response.status, messageFrom(await response.text(), response.status))
}

/** One file, as it is. @throws {ApiError} */
export const sendFile = (path: string, method: string, to: string, signal?: AbortSignal) =>
  send('file', [path], method, to, signal)

/** Files and folders, as a tar. @throws {ApiError} */
export const sendFiles = (paths: string[], method: string, to: string, signal?: AbortSignal) =>
  send('tar', paths, method, to, signal)

/** A folder as a build's context, without what its .dockerignore names. @throws {ApiError} */
export const sendContext = (folder: string, to: string, signal?: AbortSignal) =>
  send('context', [folder], 'POST', to, signal)
