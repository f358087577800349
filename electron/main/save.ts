import { createWriteStream } from 'node:fs'
import { rename, rm, writeFile } from 'node:fs/promises'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { BrowserWindow, dialog } from 'electron'
import { createTarDecoder } from 'modern-tar'
import type { SaveAs } from '../../shared/app'
import { createDemuxer } from '../../shared/stdio'
import { openStream } from './engine-client'
import type { EngineService } from './engine-process'

/** What of the engine can be saved into a file. Anything else that the window asks for is refused. */
const savable = /^\/(containers\/[\w.-]+\/(archive|export|logs)|images\/get|images\/[\w./:@-]+\/get)(\?|$)/

/**
 * Asks the person where to, then writes the answer of GET `path` there, piece by piece as it comes. A file that could
 * not be written whole is not left behind.
 * @returns the file's path; undefined when the person thought better of it
 * @throws {EngineApiError} when the engine does not give it
 */
export async function save(
  engine: EngineService,
  path: string,
  name: string,
  as: SaveAs = 'body',
): Promise<string | undefined> {
  if (!savable.test(path)) throw new Error(`This can't be saved: ${path}`)
  const { state } = engine
  if (state.phase !== 'running') throw new Error('The engine is not running')
  const filePath = await askWhere(name)
  if (!filePath) return undefined
  const part = `${filePath}.part`
  try {
    const answer = await openStream(state.host, 'GET', path)
    const body = as === 'file' ? await fileInTar(answer) : as === 'log' ? answer.pipe(framesToText()) : answer
    await pipeline(body, createWriteStream(part))
    answer.destroy()
    await rename(part, filePath)
    return filePath
  } catch (error) {
    await rm(part, { force: true })
    throw error
  }
}

/** The same with a text that the window has. */
export async function saveText(text: string, name: string): Promise<string | undefined> {
  const filePath = await askWhere(name)
  if (filePath) await writeFile(filePath, text)
  return filePath
}

async function askWhere(name: string): Promise<string | undefined> {
  const window = BrowserWindow.getFocusedWindow() ?? BrowserWindow.getAllWindows()[0]!
  const { filePath } = await dialog.showSaveDialog(window, { defaultPath: name.replaceAll(/[/\\:]/g, '-') })
  return filePath || undefined
}

/** The first entry of a tar, as the archive of one file has it. */
async function fileInTar(tar: Readable): Promise<Readable> {
  const entries = (Readable.toWeb(tar) as ReadableStream<Uint8Array>).pipeThrough(createTarDecoder()).getReader()
  const { value } = await entries.read()
  if (value?.header.type !== 'file') throw new Error('This is not a file')
  return Readable.fromWeb(value.body as never)
}

function framesToText(): Transform {
  const demux = createDemuxer((_stream, bytes) => text.push(bytes))
  const text = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      demux(chunk)
      done()
    },
  })
  return text
}
