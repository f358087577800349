import type { Lookup } from '../dockerfile/expand'
import { nameOf } from '../dockerfile/configure'

const proxies = ['HTTP_PROXY', 'HTTPS_PROXY', 'FTP_PROXY', 'NO_PROXY', 'ALL_PROXY']
/** Those that need no ARG, and are not told of in the history. */
const builtin = new Set(proxies.flatMap((name) => [name, name.toLowerCase()]))

/** The build arguments of one build: what the request gave, and what the Dockerfile declares before its first stage. */
export class BuildArgs {
  private readonly globals = new Map<string, string | undefined>()
  private readonly declared = new Set<string>()

  /** `platform` are TARGETPLATFORM and its like, which an ARG without a value brings in. */
  constructor(
    private readonly given: ReadonlyMap<string, string | null>,
    private readonly platform: ReadonlyMap<string, string>,
  ) {}

  /** An ARG before the first FROM. */
  declareGlobal(name: string, value: string | undefined): void {
    this.declared.add(name)
    this.globals.set(name, value)
  }

  /** For a FROM's own words. */
  readonly globalLookup: Lookup = (name) =>
    this.globals.has(name) ? this.value(name, this.globals.get(name)) : this.platform.get(name)

  /** The arguments of a stage: none until it declares them. */
  stage(): StageArgs {
    return new StageArgs(this)
  }

  /** What was given and no ARG asks for. */
  unused(): string[] {
    return [...this.given.keys()].filter((name) => !this.declared.has(name) && !builtin.has(name)).sort()
  }

  /** @internal */
  note(name: string): void {
    this.declared.add(name)
  }

  /** @internal The proxies that were given. */
  proxies(): string[] {
    return [...this.given.keys()].filter((name) => builtin.has(name))
  }

  /** @internal What an argument with this default comes to; undefined when nobody says. */
  value(name: string, fallback: string | undefined): string | undefined {
    return this.given.get(name) ?? fallback ?? this.globals.get(name) ?? this.platform.get(name)
  }
}

export class StageArgs {
  private readonly defaults = new Map<string, string | undefined>()

  constructor(private readonly all: BuildArgs) {}

  declare(name: string, value: string | undefined): void {
    this.all.note(name)
    this.defaults.set(name, value)
  }

  get(name: string): string | undefined {
    return this.defaults.has(name) ? this.all.value(name, this.defaults.get(name)) : undefined
  }

  /**
   * The `NAME=value` entries that a RUN sees besides ENV, which goes before them, sorted; `told` leaves out the proxies
   * that no ARG declares: neither cache nor history know of them.
   */
  environment(env: readonly string[]): { all: string[]; told: string[] } {
    const taken = new Set(env.map(nameOf))
    const names = [...new Set([...this.defaults.keys(), ...this.all.proxies()])]
      .filter((name) => !taken.has(name))
      .sort()
    const entries = names.flatMap((name) => {
      const value = this.all.value(name, this.defaults.get(name))
      return value === undefined ? [] : [[name, `${name}=${value}`] as const]
    })
    return {
      all: entries.map(([, entry]) => entry),
      told: entries.filter(([name]) => this.defaults.has(name)).map(([, entry]) => entry),
    }
  }
}
