/** A moment in the past, short: `now`, `5 min ago`, `3 h ago`, `2 d ago`, `4 mo ago`. Both in milliseconds. */
export function ago(then: number, now: number): string {
  const minutes = Math.floor((now - then) / 60_000)
  if (minutes < 1) return 'just now'
  if (minutes < 60) return `${minutes} min ago`
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return `${hours} h ago`
  const days = Math.floor(hours / 24)
  if (days < 60) return `${days} d ago`
  return days < 730 ? `${Math.floor(days / 30)} mo ago` : `${Math.floor(days / 365)} y ago`
}

/** The first 12 hex digits of an id, without its algorithm, as docker shows it. */
export function shortId(id: string): string {
  return id.replace(/^sha256:/, '').slice(0, 12)
}

/** An image's name without what every reader knows: `docker.io/library/nginx` is `nginx`. */
export function familiarName(reference: string): string {
  return reference.startsWith('sha256:') ? shortId(reference) : reference.replace(/^docker\.io\/(library\/)?/, '')
}

/** CPU in percent: one decimal below ten. */
export function percent(value: number): string {
  return `${value < 9.95 ? value.toFixed(1) : Math.round(value)} %`
}

/** Bytes in powers of 1024 (memory) or 1000 (sizes), with a thin look: `12.4 MiB`. */
export function bytes(count: number, base: 1000 | 1024 = 1000): string {
  const units = base === 1024 ? ['B', 'KiB', 'MiB', 'GiB', 'TiB'] : ['B', 'kB', 'MB', 'GB', 'TB']
  let unit = 0
  while (count >= base && unit < units.length - 1) {
    count /= base
    unit++
  }
  return `${unit && count < 99.95 ? count.toFixed(1) : Math.round(count)} ${units[unit]}`
}

/** Milliseconds as a person says them: `640 ms`, `1.2 s`. */
export function duration(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`
}
