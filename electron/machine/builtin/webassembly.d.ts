/** The part of WebAssembly's API used here; TypeScript declares it only together with the browser's DOM. */
declare namespace WebAssembly {
  type Exports = Record<string, unknown>
  type Imports = Record<string, Record<string, unknown>>
  interface Module {
    readonly [Symbol.toStringTag]: 'WebAssembly.Module'
  }
  const Module: new (bytes: Uint8Array) => Module
  class Instance {
    constructor(module: Module, imports: Imports)
    readonly exports: Exports
  }
  interface Memory {
    readonly buffer: ArrayBuffer
    /** Adds pages of 64 KiB; `buffer` is another one then. */
    grow(pages: number): number
  }
  interface Table {
    set(index: number, value: unknown): void
  }
  function compile(bytes: Uint8Array): Promise<Module>
  function instantiate(bytes: Uint8Array, imports: Imports): Promise<{ instance: Instance }>
}
