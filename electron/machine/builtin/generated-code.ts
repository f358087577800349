/**
 * The WebAssembly that v86 generates while the guest runs: one module for each few pages of the guest's code that ran
 * often. v86 would start every VM without any and run the guest ten times slower until it is generated anew. Here the
 * modules are kept, so that a snapshot can have them: which pages they belong to is in the core's own memory.
 */

import { moduleOf, type KeptCode } from './native-code'

/** Entries of the core's function table before those of generated code (WASM_TABLE_OFFSET in v86's const.js). */
const tableOffset = 1024

/** The part of the core that generated code is made for. */
export interface CodeTarget {
  memory: WebAssembly.Memory
  table: WebAssembly.Table
  exports: WebAssembly.Exports
}

type Run = (entry: number) => void

export class GeneratedCode {
  /** The modules that are in use. */
  private readonly modules: KeptCode = new Map()
  /** What generated modules import as `e`: the core's functions by name, and its memory. */
  private readonly imports: WebAssembly.Imports
  /** Finishes the module that is being compiled, without waiting for it. */
  private pending: (() => void) | undefined

  constructor(private readonly target: CodeTarget) {
    this.imports = { e: { ...target.exports, m: target.memory } }
  }

  /** The core's `codegen_finalize`: compiles what it has generated and tells it; the core asks for one at a time. */
  finalize(index: number, start: number, flags: number, at: number, length: number): void {
    const bytes = new Uint8Array(this.target.memory.buffer, at >>> 0, length >>> 0).slice()
    const finish = (instance: WebAssembly.Instance) => {
      if (this.pending !== pending) return
      this.pending = undefined
      this.modules.set(index, () => ({ wasm: bytes, native: new Uint8Array(0) }))
      this.target.table.set(tableOffset + index, instance.exports.f as Run)
      const finished = this.target.exports.codegen_finalize_finished as (...args: number[]) => void
      finished(index, start, flags)
    }
    const pending = () => finish(new WebAssembly.Instance(new WebAssembly.Module(bytes), this.imports))
    this.pending = pending
    void WebAssembly.instantiate(bytes, this.imports).then(({ instance }) => finish(instance))
  }

  /** The core's `jit_clear_func`: the guest's code has changed, or room is needed. */
  clear(index: number): void {
    this.modules.delete(index)
    this.target.table.set(tableOffset + index, null)
  }

  /** Finishes at once what is being compiled: the core waits for no module then. */
  settle(): void {
    this.pending?.()
  }

  /** All modules that are in use, for a snapshot. */
  kept(): KeptCode {
    return new Map(this.modules)
  }

  /** Puts modules of a snapshot in place. Each is made ready when it is first run: most starts need a part of them. */
  restore(kept: KeptCode): void {
    for (const [index, get] of kept) {
      this.modules.set(index, get)
      this.target.table.set(
        tableOffset + index,
        tableFunction((entry) => {
          const run = new WebAssembly.Instance(moduleOf(get()), this.imports).exports.f as Run
          this.target.table.set(tableOffset + index, run)
          run(entry)
        }),
      )
    }
  }
}

/** A function of JavaScript that a table takes: only one that a module exports can be in a table. */
function tableFunction(run: Run): Run {
  return new WebAssembly.Instance(passThrough, { e: { f: run } }).exports.f as Run
}

/** (module (import "e" "f" (func (param i32))) (export "f" (func 0))) */
const passThrough = new WebAssembly.Module(
  Uint8Array.of(
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...[0x01, 0x05, 0x01, 0x60, 0x01, 0x7f, 0x00],
    ...[0x02, 0x07, 0x01, 0x01, 0x65, 0x01, 0x66, 0x00, 0x00],
    ...[0x07, 0x05, 0x01, 0x01, 0x66, 0x00, 0x00],
  ),
)
