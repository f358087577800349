export const logLevels = ['error', 'warn', 'info', 'debug'] as const
export type LogLevel = (typeof logLevels)[number]

/** Only the beginning of a line says how grave it is; a long one is not read through. */
const looked = 160

// A word in capitals by itself, `level=warn`, `"level":"warn"`, or the word in brackets.
const pattern =
  /\b(FATAL|PANIC|CRIT(?:ICAL)?|EMERG|ALERT|SEVERE|ERROR|ERR|WARN(?:ING)?|NOTICE|INFO|LOG|DEBUG|TRACE)\b|"?\b(?:level|severity|lvl)"?\s*[=:]\s*"?(\w+)|\[(\w+)\]/g

const levels: Record<string, LogLevel> = {
  ...words('error', 'fatal panic crit critical emerg alert severe error err'),
  ...words('warn', 'warn warning'),
  ...words('info', 'notice info log'),
  ...words('debug', 'debug trace'),
}

function words(level: LogLevel, list: string): Record<string, LogLevel> {
  return Object.fromEntries(list.split(' ').map((word) => [word, level]))
}

/** The level that a line gives itself, in one of the usual ways; undefined when it gives none. */
export function levelOf(plain: string): LogLevel | undefined {
  for (const [, capital, key, bracket] of plain.slice(0, looked).matchAll(pattern)) {
    const level = levels[(capital ?? key ?? bracket)!.toLowerCase()]
    if (level) return level
  }
  return undefined
}
