import type { RegistryClient } from '../registry/client'
import { withRetries, type RetryPolicy } from '../registry/retries'
import type { Blob, ContentStore } from '../store/content'
import type { IncomingBlob } from '../store/incoming'
import { limiter } from './limiter'

/** Who waits for a blob, and is told how it goes. */
export interface DownloadWatcher {
  /** Other downloads come first. */
  onWait: () => void
  /** Bytes so far. */
  onBytes: (bytes: number) => void
  /** Seconds until a broken download is continued. */
  onRetry: (seconds: number) => void
}

interface Flight {
  done: Promise<void>
  watchers: Set<DownloadWatcher>
  abort: AbortController
}

/**
 * Brings blobs from registries into the content store: so many at a time, each one once however many ask for it, broken
 * ones continued where they stopped. A download goes on for as long as anybody wants it.
 */
export class Downloads {
  private readonly flights = new Map<string, Flight>()
  private readonly limit: ReturnType<typeof limiter>

  constructor(
    private readonly content: ContentStore,
    parallel: number,
    private readonly retries: RetryPolicy,
  ) {
    this.limit = limiter(parallel)
  }

  /** Resolves when the blob is in the content store, where it lies aside until it is kept. */
  async fetch(client: RegistryClient, blob: Blob, watcher: DownloadWatcher, signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted()
      const joined = this.flights.get(blob.digest)
      const flight = joined ?? this.start(client, blob)
      flight.watchers.add(watcher)
      try {
        return await unlessAborted(flight.done, signal)
      } catch (error) {
        // Another's download may have failed for a reason of its own: then it is our turn.
        if (!joined || signal.aborted) throw error
      } finally {
        flight.watchers.delete(watcher)
        if (flight.watchers.size === 0) {
          flight.abort.abort()
          await flight.done.catch(() => undefined)
        }
      }
    }
  }

  private start(client: RegistryClient, blob: Blob): Flight {
    const watchers = new Set<DownloadWatcher>()
    const abort = new AbortController()
    const tell = (call: (watcher: DownloadWatcher) => void) => watchers.forEach(call)
    const { signal } = abort
    const receive = (incoming: IncomingBlob) =>
      withRetries(
        this.retries,
        signal,
        (seconds) => tell((watcher) => watcher.onRetry(seconds)),
        () => receiveOnce(client, blob, incoming, signal, () => tell((watcher) => watcher.onBytes(incoming.length))),
      )
    // The watcher is not there yet when the task has to wait at once.
    const done = Promise.resolve()
      .then(() =>
        this.limit(
          () => tell((watcher) => watcher.onWait()),
          async () => {
            signal.throwIfAborted()
            await this.content.download(blob, receive)
          },
        ),
      )
      .finally(() => this.flights.delete(blob.digest))
    done.catch(() => undefined)
    const flight = { done, watchers, abort }
    this.flights.set(blob.digest, flight)
    return flight
  }
}

/** One connection's part of a download. */
async function receiveOnce(
  client: RegistryClient,
  blob: Blob,
  incoming: IncomingBlob,
  signal: AbortSignal,
  onBytes: () => void,
): Promise<void> {
  const { start, body } = await client.blob(blob, incoming.length, signal)
  if (start !== incoming.length) await incoming.restart()
  try {
    for await (const chunk of body) {
      await incoming.append(chunk)
      onBytes()
    }
  } catch (error) {
    // A connection that breaks after the last byte has done its work.
    if (!incoming.isWhole) throw error
  }
  if (!incoming.isWhole) throw new Error(`unexpected EOF: got ${incoming.length} of ${blob.size} bytes`)
}

function unlessAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason as Error)
    signal.addEventListener('abort', stop, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}
