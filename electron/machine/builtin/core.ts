import type { Disk } from './disk'
import { watchDrive } from './drive-ports'
import { GeneratedCode } from './generated-code'
import { moduleOf, type CompiledModule, type KeptCode } from './native-code'
import { Pacing } from './pacing'

/** What v86 gives its core to import: the host's functions and the table for generated code. */
export type CoreImports = Record<string, Record<string, unknown>>

type CoreFunctions = Record<string, (...args: number[]) => number>

/** What a snapshot holds of the core besides its memory. */
export interface CoreState {
  /** Numbers to go on from, see `state`. */
  facts: Record<string, number>
  code: KeptCode
}

/** The place of the core itself among the modules that it has generated, whose numbers begin with 1. */
const coreItself = 0

/** The first mebibyte of a new PC's memory holds firmware; the rest is untouched. */
const firmware = 1 << 20

/**
 * v86's WebAssembly core with some of its seams taken: the main loop, port writes, the halt event, generated code and
 * the saving of memory. v86 saves the guest's memory alone, and forgets the code that it has generated for it; we save
 * the core's whole memory, which also holds all that the core knows about that code.
 */
export class Core {
  /** What v86 is to use as the core's exports. */
  readonly exports: WebAssembly.Exports
  private readonly functions: CoreFunctions
  private readonly memory: WebAssembly.Memory
  private readonly code: GeneratedCode
  /** Where in the core's memory the guest's lies, and its length in bytes. */
  private guestAt = 0
  private guestLength = 0

  private constructor(
    private readonly module: CompiledModule,
    exports: WebAssembly.Exports,
    table: WebAssembly.Table,
  ) {
    this.functions = exports as CoreFunctions
    this.memory = exports.memory as WebAssembly.Memory
    this.code = new GeneratedCode({ memory: this.memory, table, exports })
    const pacing = new Pacing()
    this.exports = {
      ...exports,
      main_loop: () => {
        const began = performance.now()
        const wanted = this.functions.main_loop!()
        return pacing.next(began, performance.now(), wanted)
      },
      allocate_memory: (size: number) => {
        this.guestLength = size
        return (this.guestAt = this.functions.allocate_memory!(size))
      },
      // Only saving and restoring a state call these; memory is part of `state`.
      is_memory_zeroed: () => 1,
      zero_memory: () => undefined,
    }
  }

  /** The core's own code as a snapshot has it. */
  static codeIn(code: KeptCode): CompiledModule {
    return code.get(coreItself)!()
  }

  /** Links the core with v86's imports, some of them replaced. */
  static async instantiate(
    module: CompiledModule,
    imports: CoreImports,
    disk: Disk,
    onHalt: () => void,
  ): Promise<Core> {
    const env = imports.env!
    env.cpu_event_halt = onHalt
    watchDrive(env, disk)
    env.codegen_finalize = (...args: [number, number, number, number, number]) => core.code.finalize(...args)
    env.jit_clear_func = (index: number) => core.code.clear(index)
    const { exports } = new WebAssembly.Instance(moduleOf(module), imports)
    const core = new Core(module, exports, env.__indirect_function_table as WebAssembly.Table)
    return core
  }

  /** Forgets all generated code, so that what is generated from here on is what runs from here on. */
  forgetCode(): void {
    this.functions.jit_clear_cache_js!()
  }

  /** All that a snapshot needs of a core that has been stopped. The memory is the live one. */
  state(): CoreState & { memory: Uint8Array } {
    this.code.settle()
    const [tscLow, tscHigh] = this.timeStamp()
    const facts = { guestAt: this.guestAt, guestLength: this.guestLength, tscLow, tscHigh }
    const code = this.code.kept().set(coreItself, () => this.module)
    return { facts, code, memory: new Uint8Array(this.memory.buffer) }
  }

  /**
   * Goes on from a saved state. `readMemory` puts all of the saved memory in place that is not zeros. Throws when this
   * core has the guest's memory elsewhere: then it is not the program that the state was saved by.
   */
  restore({ facts, code }: CoreState, memoryLength: number, readMemory: (into: Uint8Array) => void): void {
    if (facts.guestAt !== this.guestAt || facts.guestLength !== this.guestLength)
      throw new Error("the snapshot is another emulator's")
    const missing = memoryLength - this.memory.buffer.byteLength
    if (missing > 0) this.memory.grow(missing / 65_536)
    const memory = new Uint8Array(this.memory.buffer)
    memory.fill(0, 0, this.guestAt + firmware)
    memory.fill(0, this.guestAt + this.guestLength)
    readMemory(memory)
    // set_tsc counts on the offset of a new core, zero, but the memory has brought one. This makes it zero again.
    this.functions.set_tsc!(...this.timeStamp())
    this.functions.set_tsc!(facts.tscLow!, facts.tscHigh!)
    const generated = new Map(code)
    generated.delete(coreItself)
    this.code.restore(generated)
  }
  /** The guest's time stamp counter: its lower and its upper 32 bits. */
  private timeStamp(): [number, number] {
    const tsc = (this.functions.read_tsc as unknown as () => bigint)()
    return [Number(BigInt.asIntN(32, tsc)), Number(BigInt.asIntN(32, tsc >> 32n))]
  }
}
