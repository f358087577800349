import { posix } from 'node:path'
import { EnvHttpProxyAgent, request, type Dispatcher } from 'undici'
import { EngineError, messageOf } from '../errors'
import { counted } from '../images/streams'
import { meter } from '../images/progress'
import type { Context } from './context'
import type { Selection } from './sources'
import type { StageRun } from './stage'

export const isUrl = (text: string): boolean => /^https?:\/\//.test(text)

const maxRedirects = 10

/** A GET that follows redirects. Throws kind 'invalid' for what can't be reached or is no 2xx. */
export async function get(url: string, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
  const dispatcher = new EnvHttpProxyAgent()
  let at = url
  for (let hops = 0; hops <= maxRedirects; hops++) {
    let response
    try {
      response = await request(at, { dispatcher, signal, headersTimeout: 60_000 })
    } catch (error) {
      throw new EngineError('invalid', `Get "${at}": ${messageOf(error)}`, { cause: error })
    }
    const { statusCode, headers, body } = response
    if (statusCode < 300) return response
    body.on('error', () => undefined).destroy()
    const { location } = headers
    if (statusCode >= 400 || typeof location !== 'string') {
      throw new EngineError('invalid', `failed to GET ${at} with status ${statusCode}`)
    }
    at = new URL(location, at).href
  }
  throw new EngineError('invalid', `Get "${url}": stopped after ${maxRedirects} redirects`)
}

/** Fetches a file for ADD; it is called by the last part of the URL's path. Throws kind 'invalid' in dockerd's words. */
export async function download(
  extras: Context,
  url: string,
  { target, checksum, stage, signal }: { target: string; checksum: string; stage: StageRun; signal: AbortSignal },
): Promise<Selection> {
  const name = posix.basename(new URL(url).pathname)
  if (name === '' && target.endsWith('/')) {
    throw new EngineError('invalid', `ADD failed: cannot determine filename from url: ${url}`)
  }
  try {
    const { headers, body } = await get(url, signal)
    const modified = Date.parse(String(headers['last-modified'] ?? ''))
    const tell = meter(
      (message) => void stage.output.tell(message),
      'Downloading',
      '',
      Number(headers['content-length'] ?? 0),
    )
    const path = `download-${extras.count}/${name || 'file'}`
    const entry = await extras.write(path, counted(body, tell), { mode: 0o600, mtime: new Date(modified || 0) })
    if (checksum && checksum !== `sha256:${entry.digest}`) {
      throw new EngineError('invalid', `digest mismatch sha256:${entry.digest}: ${checksum}`)
    }
    await stage.output.say('\n')
    return { sources: [{ path, entry }], files: [{ name: name || 'file', entry, context: extras, remote: true }] }
  } catch (error) {
    throw new EngineError('invalid', `ADD failed: ${messageOf(error)}`, { cause: error })
  }
}
